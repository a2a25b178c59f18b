//! What is printed once the shop is open: its address and how to sign in.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use secrecy::ExposeSecret;

use super::SignIns;

/// Prints to stdout, where nothing else goes: credentials do not belong in a log.
pub(crate) fn print(address: SocketAddr, over_tls: bool, sign_ins: &SignIns) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let scheme = if over_tls { "https" } else { "http" };
    let base = format!("{scheme}://{}", reachable(address));
    writeln!(out, "Daybook is open.")?;
    writeln!(out, "  API         {base}/api/v1")?;
    writeln!(out, "  Reference   {base}/docs")?;
    writeln!(out, "  Health      {base}/readyz")?;
    if let Some((email, password)) = &sign_ins.admin {
        let password = password
            .as_ref()
            .map_or("the one you set", |password| password.expose_secret());
        writeln!(out, "  Admin       {email}  password: {password}")?;
    }
    if let Some((emails, password)) = &sign_ins.customers {
        for email in emails {
            writeln!(
                out,
                "  Customer    {email}  password: {}",
                password.expose_secret()
            )?;
        }
    }
    writeln!(out, "Stop it with Ctrl-C.")?;
    out.flush()
}

/// An address that a browser on this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
