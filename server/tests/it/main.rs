//! The server against a real Redis, through its real interface.

mod cache;
mod clock;
mod cluster;
mod commands;
mod connections;
mod failover;
mod limits;
mod openapi;
mod outage;
mod presence;
mod queues;
mod redis;
mod server;
mod sessions;
mod settings;
mod topology;
mod upstream;
