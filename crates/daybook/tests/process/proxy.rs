//! A TCP proxy before PostgreSQL's socket, whose connections can be made to fall silent, as a firewall does that drops
//! packets: nothing is forwarded any more, and nothing is closed.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    /// The socket that new connections lead to.
    target: Mutex<PathBuf>,
    /// Connections that were opened before the last freeze are silent.
    freezes: AtomicU64,
}

impl Proxy {
    /// Leads to the server of a URL that names a socket.
    pub(crate) async fn to(url: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            target: Mutex::new(socket_of(url)),
            freezes: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Proxy { port, state, task }
    }

    /// The same role and database, through the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let options: PgConnectOptions = url.parse().unwrap();
        let (user, database) = (options.get_username(), options.get_database().unwrap());
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// From now on the connections that there are say nothing any more. New ones work.
    pub(crate) fn freeze(&self) {
        self.state.freezes.fetch_add(1, Ordering::SeqCst);
    }

    /// New connections lead to another server.
    pub(crate) fn lead_to(&self, socket: &Path) {
        *self.state.target.lock() = socket.to_owned();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn socket_of(url: &str) -> PathBuf {
    let options: PgConnectOptions = url.parse().unwrap();
    let folder = options
        .get_socket()
        .expect("the server listens on a socket");
    folder.join(format!(".s.PGSQL.{}", options.get_port()))
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        tokio::spawn(forward(client, Arc::clone(&state)));
    }
}

async fn forward(client: TcpStream, state: Arc<State>) {
    let opened = state.freezes.load(Ordering::SeqCst);
    let target = state.target.lock().clone();
    // Nobody is there: the client is told by the end of its connection.
    let Ok(server) = UnixStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = split(client);
    let (from_server, to_server) = split(server);
    // Where one side has ended, the other one is closed, too.
    tokio::select! {
        () = copy(from_client, to_server, &state, opened) => {}
        () = copy(from_server, to_client, &state, opened) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    state: &State,
    opened: u64,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if state.freezes.load(Ordering::SeqCst) != opened {
            return pending().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
