//! What an error of the client means for somebody who watches.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::observer::Trouble;

/// In words, without secrets.
pub fn of(error: &RedisError) -> Trouble {
    let text = error.to_string();
    let has = |word: &str| text.contains(word);
    if has("NOAUTH") || has("Authentication required") || has("unauthenticated") {
        return refused("it wants a password; write redis://user:password@host:6379");
    }
    if has("WRONGPASS")
        || has("invalid password")
        || error.kind() == ErrorKind::AuthenticationFailed
    {
        return refused("it does not accept this user or password");
    }
    if has("protected mode") || has("DENIED") {
        return Trouble::Refused {
            why: "it is in protected mode and answers only its own machine".into(),
            remedy: "CONFIG SET requirepass PASSWORD".into(),
        };
    }
    if has("max number of clients") {
        return Trouble::lost("it has as many clients as it allows (maxclients)");
    }
    if has("LOADING") {
        return Trouble::lost("it is still loading its data");
    }
    if has("out of range") {
        return refused("it has no database of that number");
    }
    if error.kind() == ErrorKind::Parse {
        return refused(
            "it does not answer as Redis does; is the port right, and rediss: for TLS?",
        );
    }
    if error.is_connection_refusal() {
        return Trouble::lost("nobody listens there");
    }
    Trouble::Lost(text)
}

/// Whether the server's rules do not let this user do it.
pub fn is_denied(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
}

fn refused(why: &str) -> Trouble {
    Trouble::Refused {
        why: why.to_owned(),
        remedy: String::new(),
    }
}
