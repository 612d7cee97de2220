//! A server on a memory store: `dev_server [ADDRESS:PORT [LAMBDA-ENDPOINT]]`.

use std::{sync::Arc, time::Duration};

use stepwell_integrations::LambdaConfig;
use stepwell_server::{Server, Settings};
use stepwell_store::MemoryStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8083".to_owned());
    let lambda = LambdaConfig {
        endpoint: arguments.next(),
        region: "us-east-1".to_owned(),
        ..LambdaConfig::default()
    };
    let settings = Settings { listen: Some(address.parse()?), lambda, ..Settings::default() };
    let server = Server::start(settings, Arc::new(MemoryStore::new())).await?;
    println!("listening on {address}");
    std::future::pending::<()>().await;
    server.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
