//! Many hosts, one list, one budget: each host in a network namespace of its own, and a real engine in another.

mod commands;
mod costs;
mod engine;
mod failures;
mod host;
mod kills;
mod moving;
mod network;
mod services;
mod trips;
