//! Taking connections: whoever connects has a limited time to say what they want.
//!
//! `axum::serve` waits for the head of a request as long as a client likes, so that somebody who
//! sends a byte now and then holds as many connections as they can open.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Rest after the system could not give a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Serve until told to stop, then finish the requests under way. A connection may take `patience`
/// for the head of a request, and rest as long between two.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    patience: Duration,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(answer(http.clone(), stream, peer, app.clone(), stop.clone()));
                }
                // The client is gone, or too many files are open: both pass.
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn answer(
    http: http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A connection that breaks concerns whoever made it, and nobody else.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(20);

    /// What a node answers to bytes that are followed by silence, until it ends the connection.
    async fn said(to: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let end = timeout(LONG, stream.read_to_end(&mut answer)).await;
        end.expect("the connection is not held").unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_held_and_who_asks_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let whence = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
        let app = Router::new().route("/", get(whence));
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, app, PATIENCE, stop.clone()));
        let (nothing, half, whole) = tokio::join!(
            said(address, b""),
            said(address, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "),
            said(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        );
        assert!(!nothing.contains("200 OK") && !half.contains("200 OK"));
        assert!(whole.contains("200 OK") && whole.contains("127.0.0.1:"));
        stop.cancel();
        timeout(LONG, server).await.unwrap().unwrap();
    }
}
