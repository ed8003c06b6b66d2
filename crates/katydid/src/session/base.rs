//! From a session's base URL and what a script asks for to a route and a target, remembered per base.

use std::collections::HashMap;
use std::sync::Arc;

use katydid_engine::http1::{Origin, Url};
use katydid_engine::message::{Proxy, Route, TlsMode};
use katydid_record::{Access, EndpointId, Kind};

use super::registry::Registry;

/// Spellings of URLs remembered per base; more are parsed each time.
const REMEMBERED: usize = 4_096;

/// A base URL with how to reach it. Shared by all sessions that have the same.
#[derive(Debug)]
pub struct Base {
    id: usize,
    text: String,
    route: Arc<Route>,
    host: Arc<str>,
    tls: TlsMode,
    proxy: Option<Proxy>,
}

/// Where one request goes.
pub struct Target {
    /// Connections it may use.
    pub route: Arc<Route>,
    /// Request target: path and query, or the whole URL for a plain-HTTP proxy.
    pub target: Arc<str>,
    /// Value of `Host`.
    pub host: Arc<str>,
    /// The row of its default name.
    pub endpoint: EndpointId,
    /// Another origin than the base's: its cookies are not to go there.
    pub foreign: bool,
}

struct Known {
    route: Arc<Route>,
    target: Arc<str>,
    host: Arc<str>,
    name: Arc<str>,
    foreign: bool,
    endpoints: Vec<(String, Option<Access>, EndpointId)>,
}

/// All bases, routes and targets of a run.
#[derive(Default)]
pub struct Bases {
    all: Vec<Arc<Base>>,
    routes: Vec<Arc<Route>>,
    known: Vec<HashMap<String, Known>>,
}

impl Bases {
    /// The base for a URL, which may be empty when every request names its own.
    pub fn base(&mut self, url: &str, tls: &str, proxy: Option<&str>) -> Result<Arc<Base>, String> {
        let tls = match tls {
            "verify" => TlsMode::Verify,
            "accept" => TlsMode::Accept,
            path => TlsMode::Roots(path.to_owned()),
        };
        let proxy = proxy.map(parse_proxy).transpose()?;
        if let Some(base) = self
            .all
            .iter()
            .find(|b| b.text == url && b.tls == tls && b.proxy == proxy)
        {
            return Ok(base.clone());
        }
        let parsed = Url::parse(if url.is_empty() {
            "http://base.invalid"
        } else {
            url
        })
        .map_err(|error| format!("Invalid URL {url:?}: {error}"))?;
        let route = self.route(&parsed.origin, &tls, proxy.as_ref());
        let host = parsed.origin.host_header().into();
        let base = Arc::new(Base {
            id: self.all.len(),
            text: url.to_owned(),
            route,
            host,
            tls,
            proxy,
        });
        self.all.push(base.clone());
        self.known.push(HashMap::new());
        Ok(base)
    }

    fn route(&mut self, origin: &Origin, tls: &TlsMode, proxy: Option<&Proxy>) -> Arc<Route> {
        let same = |route: &&Arc<Route>| {
            route.origin == *origin && route.tls == *tls && route.proxy.as_ref() == proxy
        };
        if let Some(route) = self.routes.iter().find(same) {
            return route.clone();
        }
        let id = self.routes.len() as u32;
        let route = Route {
            id,
            origin: origin.clone(),
            tls: tls.clone(),
            proxy: proxy.cloned(),
        };
        let route = Arc::new(route);
        self.routes.push(route.clone());
        route
    }

    /// Where `url` (absolute, or to be appended to the base as Locust does) goes. `name_as_given`: the default name is `url` itself,
    /// as `FastHttpUser` has it; else it is path and query as sent. `name` takes its place where the script gives one.
    #[allow(clippy::too_many_arguments)] // what a script says of one request
    pub fn target(
        &mut self,
        registry: &mut Registry,
        base: &Base,
        method: &str,
        url: &str,
        name: Option<&str>,
        tagged: Option<Access>,
        name_as_given: bool,
    ) -> Result<Target, String> {
        if let Some(known) = self.known[base.id].get_mut(url) {
            return Ok(known.target(registry, method, name, tagged));
        }
        let absolute = is_absolute(url);
        let whole = if absolute {
            url.to_owned()
        } else {
            format!("{}{url}", base.text)
        };
        let parsed =
            Url::parse(&whole).map_err(|error| format!("Invalid URL {whole:?}: {error}"))?;
        let foreign = parsed.origin != base.route.origin;
        let route = self.route(&parsed.origin, &base.tls, base.proxy.as_ref());
        let host: Arc<str> = if foreign {
            parsed.origin.host_header().into()
        } else {
            base.host.clone()
        };
        let by_proxy =
            route.proxy.is_some() && parsed.origin.scheme == katydid_engine::http1::Scheme::Http;
        let target = if by_proxy {
            format!("http://{host}{}", parsed.target)
        } else {
            parsed.target.clone()
        };
        let default = if name_as_given {
            url
        } else {
            parsed.target.as_str()
        };
        let mut known = Known {
            route,
            target: target.into(),
            host,
            name: default.into(),
            foreign,
            endpoints: Vec::new(),
        };
        let found = known.target(registry, method, name, tagged);
        if self.known[base.id].len() < REMEMBERED {
            self.known[base.id].insert(url.to_owned(), known);
        }
        Ok(found)
    }
}

impl Known {
    fn target(
        &mut self,
        registry: &mut Registry,
        method: &str,
        name: Option<&str>,
        tagged: Option<Access>,
    ) -> Target {
        let known = self.endpoints.iter();
        let known = known
            .filter(|(_, known, _)| *known == tagged)
            .find(|(known, ..)| known == method);
        // A default name that is not used must not take up one of the rows.
        let endpoint = if let Some(name) = name {
            registry.intern(Kind::Request, method, name, tagged)
        } else if let Some((.., id)) = known {
            *id
        } else {
            let id = registry.intern(Kind::Request, method, &self.name, tagged);
            self.endpoints.push((method.to_owned(), tagged, id));
            id
        };
        Target {
            route: self.route.clone(),
            target: self.target.clone(),
            host: self.host.clone(),
            endpoint,
            foreign: self.foreign,
        }
    }
}

/// Whether a URL carries its own scheme and host, by Locust's rule.
pub fn is_absolute(url: &str) -> bool {
    let starts = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    starts("http://") || starts("https://")
}

/// A proxy from its URL.
pub fn parse_proxy(url: &str) -> Result<Proxy, String> {
    let parsed = Url::parse(url).map_err(|error| format!("Invalid proxy URL {url:?}: {error}"))?;
    let authorization = parsed.credentials.map(|(user, password)| {
        use base64::Engine as _;
        let plain = format!("{user}:{password}");
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(plain)
        )
    });
    Ok(Proxy {
        origin: parsed.origin,
        authorization,
    })
}
