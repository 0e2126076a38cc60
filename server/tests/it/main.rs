//! The server against a real Redis, through its real interface.

mod cache;
mod clock;
mod cluster;
mod cluster_failover;
mod commands;
mod connections;
mod crash;
mod doctor;
mod failover;
mod health;
mod instance;
mod limits;
mod observability;
mod openapi;
mod operation;
mod outage;
mod presence;
mod queues;
mod redis;
mod security;
mod server;
mod sessions;
mod settings;
mod topology;
mod upstream;
