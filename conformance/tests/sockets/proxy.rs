//! Stands between a peer and a judge, without security, and makes the peer wrong: it changes, or swallows, what the
//! peer or the judge says.

use lwm2m_core::coap::Message;
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use tokio::{net::UdpSocket, task::JoinHandle};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// To whoever the proxy was made for: it listens in its place.
    Server,
    /// Back to who spoke to it.
    Client,
}

/// What becomes of a message; `None`: it is lost.
pub(crate) type Change = dyn Fn(To, Message) -> Option<Message> + Send + Sync;

/// A running proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn changed(change: &Change, to: To, datagram: &[u8]) -> Option<Vec<u8>> {
    let message = Message::parse(datagram).unwrap();
    Some(change(to, message)?.encode().unwrap())
}

/// Makes a proxy before a server.
pub(crate) async fn before(
    server: SocketAddr,
    change: impl Fn(To, Message) -> Option<Message> + Send + Sync + 'static,
) -> Proxy {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    let change: Arc<Change> = Arc::new(change);
    let task = tokio::spawn(async move {
        // One socket for each client, so that they are different peers to the server.
        let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut answers = tokio::task::JoinSet::new();
        let mut buffer = vec![0; 65_535];
        loop {
            let (length, client) = front.recv_from(&mut buffer).await.unwrap();
            let back = match backs.get(&client) {
                Some(back) => back.clone(),
                None => {
                    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                    back.connect(server).await.unwrap();
                    backs.insert(client, back.clone());
                    let (front, from, change) = (front.clone(), back.clone(), change.clone());
                    answers.spawn(async move {
                        let mut buffer = vec![0; 65_535];
                        // A server that is gone is none that speaks.
                        while let Ok(length) = from.recv(&mut buffer).await {
                            if let Some(data) = changed(&*change, To::Client, &buffer[..length]) {
                                front.send_to(&data, client).await.unwrap();
                            }
                        }
                    });
                    back
                }
            };
            if let Some(data) = changed(&*change, To::Server, &buffer[..length]) {
                let _ = back.send(&data).await;
            }
        }
    });
    Proxy { address, task }
}
