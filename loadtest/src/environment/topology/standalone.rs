//! Standalone: one node.

use super::{Size, Sizes, Topology};
use crate::environment::group::{Ground, Group};
use crate::environment::member::Part;
use crate::environment::ready::View;
use anyhow::Result;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

pub(super) struct Standalone;

impl Topology for Standalone {
    fn name(&self) -> &'static str {
        "standalone"
    }

    fn sizes(&self) -> Sizes {
        Sizes { masters: Size::only(1), replicas: Size::only(0), sentinels: Size::only(0) }
    }

    fn start<'a>(&self, group: &'a mut Group, ground: &'a Ground<'_>) -> BoxFuture<'a, Result<()>> {
        let Group { nodes, plan, .. } = group;
        async move { ground.start_all(nodes, Part::Node(plan, None)).await }.boxed()
    }

    fn missing<'a>(&self, view: &'a mut View) -> BoxFuture<'a, Vec<String>> {
        async move { view.missing_links().await.missing }.boxed()
    }
}
