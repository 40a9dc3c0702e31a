//! Counts round trips: a line to the engine that notices who speaks.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// A line that counts; it serves as long as the tests run.
pub struct Line {
    pub address: SocketAddr,
    trips: Arc<AtomicU64>,
}

impl Line {
    /// A line to an engine at this address.
    pub fn to(engine: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let trips = Arc::<AtomicU64>::default();
        let (engine, counted) = (engine.to_owned(), Arc::clone(&trips));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let engine = TcpStream::connect(&engine).unwrap();
                connect(&client, &engine, &counted);
            }
        });
        Self { address, trips }
    }

    /// How often the client spoke after the engine had.
    pub fn trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }
}

fn connect(client: &TcpStream, engine: &TcpStream, trips: &Arc<AtomicU64>) {
    let engine_spoke = Arc::new(AtomicBool::new(true));
    for stream in [client, engine] {
        stream.set_nodelay(true).unwrap();
    }
    let both = || (client.try_clone().unwrap(), engine.try_clone().unwrap());
    let (from, to) = both();
    let (spoke, trips) = (Arc::clone(&engine_spoke), Arc::clone(trips));
    thread::spawn(move || {
        carry(from, to, || {
            if spoke.swap(false, Ordering::SeqCst) {
                trips.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    let (to, from) = both();
    thread::spawn(move || carry(from, to, || engine_spoke.store(true, Ordering::SeqCst)));
}

fn carry(mut from: TcpStream, mut to: TcpStream, noted: impl Fn()) {
    let mut bytes = vec![0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        noted();
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
