// Drives a Toxiproxy server through Shopify's own client.
package main

import (
	"log"
	"os"
	"reflect"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

var toxics = map[string]toxiproxy.Attributes{
	"latency":    {"latency": 10.0, "jitter": 5.0},
	"bandwidth":  {"rate": 100.0},
	"slow_close": {"delay": 10.0},
	"timeout":    {"timeout": 10.0},
	"reset_peer": {"timeout": 10.0},
	"slicer":     {"average_size": 10.0, "size_variation": 5.0, "delay": 1.0},
	"limit_data": {"bytes": 10.0},
	"noop":       {},
}

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func that(holds bool, what ...any) {
	if !holds {
		log.Panic(what...)
	}
}

func refused(err error, message string) {
	that(err != nil && strings.Contains(err.Error(), message), "wanted", message, "got", err)
}

func main() {
	server := toxiproxy.NewClient(os.Getenv("TOXIPROXY"))
	proxies, err := server.Proxies()
	must(err)
	for _, proxy := range proxies {
		must(proxy.Delete())
	}
	proxy, err := server.CreateProxy("go", "localhost:0", "localhost:1")
	must(err)
	that(strings.HasPrefix(proxy.Listen, "127.0.0.1:"), proxy.Listen)
	_, err = server.CreateProxy("go", "localhost:0", "localhost:1")
	refused(err, "proxy already exists")
	must(proxy.Disable())
	must(proxy.Enable())
	proxy.Upstream = "localhost:2"
	must(proxy.Save())

	for kind, attributes := range toxics {
		toxic, err := proxy.AddToxic("", kind, "upstream", 0.5, attributes)
		must(err)
		that(toxic.Name == kind+"_upstream" && toxic.Toxicity == 0.5, toxic)
		that(reflect.DeepEqual(toxic.Attributes, attributes), toxic.Attributes)
		toxic, err = proxy.UpdateToxic(toxic.Name, 1, attributes)
		must(err)
		that(toxic.Toxicity == 1, toxic)
	}
	active, err := proxy.Toxics()
	must(err)
	that(len(active) == len(toxics), active)
	must(proxy.RemoveToxic("latency_upstream"))
	refused(proxy.RemoveToxic("latency_upstream"), "toxic not found")
	_, err = proxy.AddToxic("", "lag", "", 1, nil)
	refused(err, "invalid toxic type")

	must(proxy.Disable())
	must(server.ResetState())
	proxy, err = server.Proxy("go")
	must(err)
	that(proxy.Enabled && len(proxy.ActiveToxics) == 0 && proxy.Upstream == "localhost:2", proxy)
	populated, err := server.Populate([]toxiproxy.Proxy{
		{Name: "go", Listen: proxy.Listen, Upstream: proxy.Upstream, Enabled: true},
		{Name: "second", Listen: "localhost:0", Upstream: "localhost:1", Enabled: true},
	})
	must(err)
	that(len(populated) == 2, populated)
	for _, proxy := range populated {
		must(proxy.Delete())
	}
	_, err = server.Proxy("go")
	refused(err, "proxy not found")
}
