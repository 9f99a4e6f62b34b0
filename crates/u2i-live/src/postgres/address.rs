use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};

use crate::LiveError;

/// How long one waits for a server to answer.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// How long what was sent may go unheard before the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(15);

/// What to connect with, and the server and its database in words without user and password.
pub(super) fn read(address: &str) -> Result<(Config, String), LiveError> {
    // These have names that the client does not know.
    let asked = address
        .rsplit_once('?')
        .and_then(|(_, options)| options.split('&').find_map(|option| option.strip_prefix("sslmode=")));
    let needs_tls = |mode: &str| {
        LiveError::Address(format!(
            "asks for TLS (sslmode={mode}), which this version does not speak; use a local server or a tunnel"
        ))
    };
    if let Some(mode) = asked.filter(|mode| ["require", "verify-ca", "verify-full"].contains(mode)) {
        return Err(needs_tls(mode));
    }
    // What the client finds wrong may be a part of the password.
    let unreadable = || {
        LiveError::Address(
            "is not postgres://USER:PASSWORD@HOST:PORT/DATABASE; in a password write %40 for @, %2F for / and %3F for ?"
                .to_owned(),
        )
    };
    let mut config: Config = address.parse().map_err(|_| unreadable())?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(needs_tls("require"));
    }
    let hosts: Vec<String> = config.get_hosts().iter().map(name).collect();
    if hosts.is_empty() {
        return Err(LiveError::Address("names no host".to_owned()));
    }
    let database = config.get_dbname().unwrap_or_default().to_owned();
    if hosts.iter().chain([&database]).any(|name| name.contains(['@', '?'])) {
        return Err(unreadable());
    }
    let ports: Vec<String> = config.get_ports().iter().map(|port| format!(":{port}")).collect();
    let store = format!("postgres://{}{}/{database}", hosts.join(","), ports.join(","));
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    if config.get_application_name().is_none() {
        config.application_name("u2i");
    }
    Ok((config, store))
}

fn name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_without_user_and_password() {
        let check = |address: &str, wanted: &str| assert_eq!(read(address).unwrap().1, wanted);
        check("postgres://me:secret@db.local:5433/events", "postgres://db.local:5433/events");
        check("postgresql://me:s%40cret@db/events?sslmode=disable", "postgres://db:5432/events");
        check("postgres://me@%2Frun%2Fpg/events", "postgres:///run/pg:5432/events");
        check("postgres://db", "postgres://db:5432/");
    }

    #[test]
    fn an_address_that_is_refused_does_not_show_the_password() {
        let check = |address: &str, wanted: &str| {
            let error = read(address).map(|(_, store)| store).unwrap_err().to_string();
            assert!(error.contains(wanted), "{address}: {error}");
            assert!(!error.contains("cret"), "{error}");
        };
        check("postgres://me:se@cret@db/events", "%40 for @");
        check("postgres://me:secret@db:port/events", "is not postgres://");
        check("postgres://me:secret@db/events?secret=1", "is not postgres://");
        check("postgres://me:secret@db/events?sslmode=require", "sslmode=require");
        check("postgres://me:secret@db/events?connect_timeout=1&sslmode=verify-full", "sslmode=verify-full");
        check("postgres:///events?user=secret", "names no host");
    }
}
