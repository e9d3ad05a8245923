//! Berth's side: its tunnel with the streams of its client of a cluster, as `berth` puts them together.

use std::io;
use std::path::Path;

use anyhow::Result;
use backend_ai::{AccessMode, AppStream, Client, Endpoint, Network, Server, SessionRef, StreamEnd};
use tunnel::{Connector, LoopbackListener, Options, PortWishes, Refusal, Retry, Tunnel};

struct Streams {
    client: Client,
    session: SessionRef,
    app: String,
}

impl Connector for Streams {
    type Stream = AppStream;

    async fn open(&self) -> Result<AppStream, Refusal> {
        self.client.open_stream(&self.session, &self.app).await.map_err(|error| refusal(error.to_string()))
    }

    fn explain(&self, error: &io::Error) -> Option<Refusal> {
        StreamEnd::of(error).map(|end| refusal(end.to_string()))
    }
}

fn refusal(message: String) -> Refusal {
    Refusal { code: "bench", message, retry: Retry::No }
}

/// Serves until it is killed. Prints its port.
pub(crate) async fn run(url: &str, app: &str, certificate: Option<&Path>) -> Result<()> {
    let server = Server {
        endpoint: Endpoint::parse(url)?,
        mode: AccessMode::Api,
        manager_version: "23.09.10".into(),
        api_version: "v7.20230615".into(),
    };
    let extra_ca_pem = certificate.map(std::fs::read).transpose()?;
    let client = Client::new(server, &Network { extra_ca_pem, ..Network::default() })?;
    client.use_keypair("AKIABENCH", "bench");
    let session = SessionRef { id: "0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11".into(), name: "bench".into() };
    let listener = LoopbackListener::bind(PortWishes::default())?;
    let tunnel = Tunnel::start(listener, Streams { client, session, app: app.into() }, Options::default());
    println!("{}", tunnel.port());
    let mut ends = tunnel.ends();
    loop {
        if let Ok(end) = ends.recv().await
            && !end.reason.is_ordinary()
        {
            eprintln!("berth: {}", end.reason);
        }
    }
}
