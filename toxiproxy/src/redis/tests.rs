//! Conversations, without sockets: whatever the pieces in which bytes come, what goes on is the
//! same, and what no rule meant goes on byte for byte.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use serde_json::{Value, json};

use super::Conversation;
use crate::api::body::Fields;
use crate::clock;
use crate::toxic::Toxic;

fn toxic(attributes: &Value) -> Toxic {
    let body = json!({"type": "redis", "attributes": attributes});
    Toxic::parse(&Fields::of(body, "toxics.ToxicWrapper").expect("an object")).expect("a toxic")
}

fn conversation(rules: &[Value]) -> Conversation {
    let mut conversation = Conversation::new(1, Arc::default());
    let toxics: Vec<Toxic> = (0..).zip(rules).map(|(id, rule)| toxic(rule).with_id(id)).collect();
    conversation.set_rules(toxics.iter());
    conversation
}

fn command(arguments: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len());
    for argument in arguments {
        bytes += &format!("${}\r\n{argument}\r\n", argument.len());
    }
    bytes.into_bytes()
}

/// What the server gets, of what the client sends in pieces of this size.
fn to_server(conversation: &mut Conversation, sent: &[u8], piece: usize) -> Vec<u8> {
    let mut got = Vec::new();
    for piece in sent.chunks(piece) {
        for outgoing in conversation.commands(&Bytes::copy_from_slice(piece), clock::now()) {
            got.extend_from_slice(&outgoing.data);
        }
    }
    got
}

/// What the client gets, of what the server sends in pieces of this size, and whether it is closed.
fn to_client(conversation: &mut Conversation, sent: &[u8], piece: usize) -> (Vec<u8>, bool) {
    let (mut got, mut closed) = (Vec::new(), false);
    for piece in std::iter::once(&[][..]).chain(sent.chunks(piece)) {
        let (said, closes) = conversation.replies(piece);
        got.extend_from_slice(&said);
        closed |= closes;
    }
    (got, closed)
}

/// In every size of pieces: the rule, what is sent, what the other side must get.
fn check(rule: &Value, sent: (&[u8], &[u8]), got: (&[u8], &[u8]), closes: bool) {
    for piece in [1, 2, 3, 7, 4096] {
        let mut conversation = conversation(std::slice::from_ref(rule));
        let server = to_server(&mut conversation, sent.0, piece);
        assert_eq!(String::from_utf8_lossy(&server), String::from_utf8_lossy(got.0));
        let (client, closed) = to_client(&mut conversation, sent.1, piece);
        assert_eq!(String::from_utf8_lossy(&client), String::from_utf8_lossy(got.1));
        assert_eq!(closed, closes, "closed with pieces of {piece}");
    }
}

#[test]
fn an_error_comes_in_its_place_in_a_pipeline() {
    let rule = json!({"commands": "SET", "action": "error", "error": "READONLY no"});
    let (get, set) = (command(&["GET", "a"]), command(&["set", "a", "1"]));
    let sent = [&get[..], &set, &get, &set].concat();
    let passed = [&get[..], &get].concat();
    check(
        &rule,
        (&sent, b"$-1\r\n$1\r\nx\r\n"),
        (&passed, b"$-1\r\n-READONLY no\r\n$1\r\nx\r\n-READONLY no\r\n"),
        false,
    );
}

#[test]
fn keys_choose_and_the_others_pass() {
    let rule = json!({"keys": "job:*", "action": "error"});
    let (meant, other) = (command(&["DEL", "x", "job:1"]), command(&["DEL", "x"]));
    let script = command(&["EVALSHA", "abc", "1", "job:2", "job"]);
    let spared = command(&["EVALSHA", "abc", "1", "other", "job:3"]);
    let sent = [&meant[..], &other, &script, &spared].concat();
    let passed = [&other[..], &spared].concat();
    let answer = b"-ERR refused by the proxy\r\n:1\r\n-ERR refused by the proxy\r\n:2\r\n";
    check(&rule, (&sent, b":1\r\n:2\r\n"), (&passed, answer), false);
}

#[test]
fn a_lost_reply_is_executed_and_nothing_behind_it_arrives() {
    let rule = json!({"commands": "INCR", "action": "lose_reply"});
    let (get, incr) = (command(&["GET", "a"]), command(&["INCR", "a"]));
    let sent = [&get[..], &incr, &get].concat();
    check(&rule, (&sent, b"+a\r\n:1\r\n+b\r\n"), (&sent, b"+a\r\n"), false);
}

#[test]
fn a_dropped_command_and_those_behind_it_never_arrive() {
    let rule = json!({"commands": "INCR", "action": "drop"});
    let (get, incr) = (command(&["GET", "a"]), command(&["INCR", "a"]));
    let sent = [&get[..], &incr, &get].concat();
    check(&rule, (&sent, b"+a\r\n"), (&get, b"+a\r\n"), false);
}

#[test]
fn a_close_comes_after_the_replies_before_it() {
    let (get, incr) = (command(&["GET", "a"]), command(&["INCR", "a"]));
    let sent = [&get[..], &incr].concat();
    let before = json!({"commands": "INCR", "action": "close_before"});
    check(&before, (&sent, b"+a\r\n"), (&get, b"+a\r\n"), true);
    let after = json!({"commands": "INCR", "action": "close_after"});
    check(&after, (&sent, b"+a\r\n:1\r\n"), (&sent, b"+a\r\n"), true);
    check(&after, (&sent, b"+a\r\n"), (&sent, b"+a\r\n"), false);
}

#[test]
fn a_transaction_is_refused_as_a_whole() {
    let rule = json!({"commands": "SET", "action": "error", "error": "NOREPLICAS no"});
    let (multi, exec) = (command(&["MULTI"]), command(&["EXEC"]));
    let (set, discard) = (command(&["SET", "a", "1"]), command(&["DISCARD"]));
    let sent = [&multi[..], &set, &exec, &multi, &exec].concat();
    let passed = [&multi[..], &set, &discard, &multi, &exec].concat();
    let answers = b"+OK\r\n+QUEUED\r\n+OK\r\n+OK\r\n*0\r\n";
    let got = b"+OK\r\n+QUEUED\r\n-NOREPLICAS no\r\n+OK\r\n*0\r\n";
    check(&rule, (&sent, answers), (&passed, got), false);
}

/// What is no transaction to the server is none to the rules.
#[test]
fn commands_behind_a_multi_that_does_not_count_are_acted_on() {
    let rule = json!({"commands": "SET", "action": "error", "error": "NOREPLICAS no"});
    let (multi, exec) = (command(&["MULTI"]), command(&["EXEC"]));
    let set = command(&["SET", "a", "1"]);
    let refused = &b"-NOREPLICAS no\r\n"[..];
    // RESET ends a transaction.
    let begun = [&multi[..], &set, &command(&["RESET"])].concat();
    let answers = b"+OK\r\n+QUEUED\r\n+RESET\r\n";
    let got = [&answers[..], refused].concat();
    check(&rule, (&[&begun[..], &set].concat(), answers), (&begun, &got), false);
    // A MULTI that cannot be right begins none.
    let wrong = command(&["MULTI", "x"]);
    let got = [&b"-ERR wrong\r\n"[..], refused].concat();
    check(&rule, (&[&wrong[..], &set].concat(), b"-ERR wrong\r\n"), (&wrong, &got), false);
    // Within one, another is refused and changes nothing.
    let queued = [&multi[..], &set, &multi].concat();
    let answers = b"+OK\r\n+QUEUED\r\n-ERR nested\r\n+OK\r\n";
    let got = b"+OK\r\n+QUEUED\r\n-ERR nested\r\n-NOREPLICAS no\r\n";
    let sent = [&queued[..], &exec].concat();
    let passed = [&queued[..], &command(&["DISCARD"])].concat();
    check(&rule, (&sent, answers), (&passed, got), false);
}

#[test]
fn a_refused_multi_begins_nothing() {
    let rule = json!({"commands": "SET", "action": "error", "error": "NOREPLICAS no"});
    let mut conversation = conversation(std::slice::from_ref(&rule));
    let (multi, set) = (command(&["MULTI"]), command(&["SET", "a", "1"]));
    assert_eq!(to_server(&mut conversation, &multi, 5), multi);
    let refused = b"-NOAUTH Authentication required.\r\n";
    assert_eq!(to_client(&mut conversation, refused, 5).0, refused);
    assert_eq!(to_server(&mut conversation, &set, 5), b"");
    assert_eq!(to_client(&mut conversation, b"", 5).0, b"-NOREPLICAS no\r\n");
}

#[test]
fn pushed_messages_and_nested_replies_do_not_upset_the_count() {
    let rule = json!({"commands": "SET", "action": "error", "error": "BUSY no"});
    let (get, set) = (command(&["GET", "a"]), command(&["SET", "a", "1"]));
    let sent = [&get[..], &set, &get].concat();
    let answers = b">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n%1\r\n+k\r\n*2\r\n:1\r\n_\r\n\
        |1\r\n+ttl\r\n:3\r\n~1\r\n#t\r\n";
    let got = b">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n%1\r\n+k\r\n*2\r\n:1\r\n_\r\n\
        -BUSY no\r\n|1\r\n+ttl\r\n:3\r\n~1\r\n#t\r\n";
    check(&rule, (&sent, answers), (&[&get[..], &get].concat(), got), false);
}

#[test]
fn from_a_subscription_on_all_passes_untouched() {
    let rule = json!({"commands": "GET,PING", "action": "error"});
    let (get, ping) = (command(&["GET", "a"]), command(&["PING"]));
    let subscribe = command(&["SUBSCRIBE", "news"]);
    let sent = [&get[..], &subscribe, &ping].concat();
    let passed = [&subscribe[..], &ping].concat();
    let news = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$7\r\nmessage\r\nanything";
    let got = [&b"-ERR refused by the proxy\r\n"[..], news].concat();
    check(&rule, (&sent, news), (&passed, &got), false);
}

/// A value larger than what is held back is judged by its head, and dropped or passed whole.
#[test]
fn a_large_value_is_not_held_whole() {
    let large = "x".repeat(300_000);
    let set = command(&["SET", "a", &large]);
    let mut refusing = conversation(&[json!({"commands": "SET", "action": "error"})]);
    assert_eq!(to_server(&mut refusing, &set, 10_000).len(), 0);
    let mut passing = conversation(&[json!({"commands": "GET", "action": "error"})]);
    let half = to_server(&mut passing, &set[..200_000], 10_000);
    assert!(half.len() > 100_000, "only {} bytes went on", half.len());
    let rest = to_server(&mut passing, &set[200_000..], 10_000);
    assert!([half, rest].concat() == set);
}

/// Keys are looked for in the first 256 arguments, of which the last is one like the others.
#[test]
fn a_value_is_never_taken_for_a_key() {
    let rule = json!({"keys": "meant", "action": "error"});
    let pairs = |key: &'static str, last: &'static str| {
        let mut arguments = vec!["MSET"];
        arguments.extend(["other", "x"].repeat(127));
        arguments.extend([key, "x", "other", last]);
        command(&arguments)
    };
    let (meant, value) = (pairs("meant", "x"), pairs("other", "meant"));
    let refused = b"-ERR refused by the proxy\r\n";
    check(&rule, (&meant, b""), (b"", refused), false);
    check(&rule, (&value, b""), (&value, b""), false);
}

#[test]
fn what_is_no_resp_is_counted_once() {
    let untouched = Arc::default();
    let mut conversation = Conversation::new(1, Arc::clone(&untouched));
    let http = b"GET / HTTP/1.1\r\n\r\n";
    assert_eq!(to_server(&mut conversation, http, 5), http);
    assert_eq!(to_client(&mut conversation, b"HTTP/1.1 200 OK", 4).0, b"HTTP/1.1 200 OK");
    assert_eq!(untouched.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn an_untouched_connection_takes_no_place_among_the_first() {
    let body = json!({"type": "redis", "first": 1, "attributes": {"action": "error"}});
    let toxic = Toxic::parse(&Fields::of(body, "toxics.ToxicWrapper").expect("an object"));
    let toxic = toxic.expect("a toxic");
    let mut untouched = conversation(&[json!({"commands": "NEVER"})]);
    to_server(&mut untouched, b"GET / HTTP/1.1\r\n\r\n", 5);
    untouched.set_rules(std::iter::once(&toxic.clone().with_id(1)));
    let mut followed = conversation(&[]);
    followed.set_rules(std::iter::once(&toxic.with_id(1)));
    assert_eq!(to_server(&mut followed, &command(&["SET", "a", "1"]), 5), b"");
}

/// Commands, and what might be taken for them.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let words = vec("[a-zA-Z*$\r\n]{0,12}", 1..5);
    let known =
        words.prop_map(|words| command(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    let replies = prop_oneof![
        vec(any::<u8>(), 0..20),
        "[+:$*%>|_#-][0-9-]{0,3}\r\n".prop_map(String::into_bytes),
    ];
    vec(prop_oneof![4 => known, 1 => replies], 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_no_rule_means_goes_on_byte_for_byte(
        up in traffic(),
        down in vec(prop_oneof![vec(any::<u8>(), 0..9), traffic()], 0..5),
        piece in 1_usize..40,
    ) {
        let down = down.concat();
        let mut conversation = conversation(&[json!({"commands": "NEVER", "action": "drop"})]);
        let mut server = to_server(&mut conversation, &up, piece);
        // What is left is the beginning of a command that has not come whole.
        let held = up.len() - server.len();
        server.extend_from_slice(&up[up.len() - held..]);
        assert_eq!(server, up);
        assert_eq!(conversation.holds_bytes(), held > 0);
        assert_eq!(to_client(&mut conversation, &down, piece), (down, false));
    }

    #[test]
    fn the_pieces_make_no_difference(up in traffic(), down in traffic(), piece in 1_usize..40) {
        let rules = [
            json!({"commands": "A,B,C", "action": "error"}),
            json!({"keys": "*a*", "action": "lose_reply"}),
        ];
        let outcome = |piece| {
            let mut conversation = conversation(&rules);
            let server = to_server(&mut conversation, &up, piece);
            (server, to_client(&mut conversation, &down, piece))
        };
        assert_eq!(outcome(piece), outcome(1 << 20));
    }
}
