//! URLs come apart as in `requests`.
//!
//! The expectations of [`VECTORS`] were computed with requests 2.34.2 and urllib3 2 (`Request("GET",
//! url).prepare()`, its
//! `path_url`, and `get_auth_from_url` of its `url`).

use katydid_engine::http1::Scheme::{Http, Https};
use katydid_engine::http1::{Origin, Scheme, Url, UrlError};

type Vector = (
    &'static str,
    Scheme,
    &'static str,
    u16,
    &'static str,
    Option<(&'static str, &'static str)>,
);

#[rustfmt::skip]
const VECTORS: &[Vector] = &[
    ("http://example.com", Http, "example.com", 80, "/", None),
    ("http://example.com/", Http, "example.com", 80, "/", None),
    ("HTTP://EXAMPLE.com:80/Path", Http, "example.com", 80, "/Path", None),
    ("https://h:443/a", Https, "h", 443, "/a", None),
    ("https://h:8443/a", Https, "h", 8443, "/a", None),
    ("http://h:/a", Http, "h", 80, "/a", None),
    ("http://h:0080/a", Http, "h", 80, "/a", None),
    ("http://h/a b", Http, "h", 80, "/a%20b", None),
    ("http://h/a%20b", Http, "h", 80, "/a%20b", None),
    ("http://h/a%2fb%2Fc", Http, "h", 80, "/a%2Fb%2Fc", None),
    ("http://h/100%", Http, "h", 80, "/100%25", None),
    ("http://h/a%20b%", Http, "h", 80, "/a%2520b%25", None),
    ("http://h/a%zz", Http, "h", 80, "/a%25zz", None),
    ("http://h/%7Euser/%41%2d", Http, "h", 80, "/~user/A-", None),
    ("http://h/café?q=naïve", Http, "h", 80, "/caf%C3%A9?q=na%C3%AFve", None),
    ("http://h/日本語", Http, "h", 80, "/%E6%97%A5%E6%9C%AC%E8%AA%9E", None),
    ("http://h/a?b c&d=[1]&e={x}|\"^`<>", Http, "h", 80, "/a?b%20c&d=%5B1%5D&e=%7Bx%7D%7C%22%5E%60%3C%3E", None),
    ("http://h/a[1]{2}|^\"<>`\\b", Http, "h", 80, "/a%5B1%5D%7B2%7D%7C%5E%22%3C%3E%60%5Cb", None),
    ("http://h?x=1", Http, "h", 80, "/?x=1", None),
    ("http://h/?", Http, "h", 80, "/", None),
    ("http://h/a?", Http, "h", 80, "/a", None),
    ("http://h/a??b=/c?d", Http, "h", 80, "/a??b=/c?d", None),
    ("http://h/a#frag?x", Http, "h", 80, "/a", None),
    ("http://h/a?b#c d", Http, "h", 80, "/a?b", None),
    ("http://h/a/./b/../c", Http, "h", 80, "/a/c", None),
    ("http://h/../../a", Http, "h", 80, "/a", None),
    ("http://h/a/..", Http, "h", 80, "/", None),
    ("http://h/a/.", Http, "h", 80, "/a/", None),
    ("http://h/.", Http, "h", 80, "/", None),
    ("http://h//a//b", Http, "h", 80, "//a//b", None),
    ("http://h/a/../../", Http, "h", 80, "/", None),
    ("http://h/%2e%2e/a", Http, "h", 80, "/../a", None),
    ("http://h/..?x", Http, "h", 80, "/?x", None),
    ("http://h\\a", Http, "h", 80, "/%5Ca", None),
    ("http://user:pass@h/a", Http, "h", 80, "/a", Some(("user", "pass"))),
    ("http://user@h/a", Http, "h", 80, "/a", None),
    ("http://us%40er:p%3Aa%2Fss@h:81/a", Http, "h", 81, "/a", Some(("us@er", "p:a/ss"))),
    ("http://a:b@c:d@h/", Http, "h", 80, "/", Some(("a", "b@c:d"))),
    ("http://:@h/", Http, "h", 80, "/", None),
    ("http://user:@h/", Http, "h", 80, "/", Some(("user", ""))),
    ("http://[::1]/a", Http, "::1", 80, "/a", None),
    ("http://[2001:DB8::1]:8080/a", Http, "2001:db8::1", 8080, "/a", None),
    ("http://127.0.0.1:8080/", Http, "127.0.0.1", 8080, "/", None),
    ("   http://h/lead", Http, "h", 80, "/lead", None),
    ("http://h/trail ", Http, "h", 80, "/trail%20", None),
    ("http://h/a\tb", Http, "h", 80, "/a%09b", None),
    ("http://h/!$&'()*+,;=:@-._~", Http, "h", 80, "/!$&'()*+,;=:@-._~", None),
    ("http://h/a?!$&'()*+,;=:@-._~/?", Http, "h", 80, "/a?!$&'()*+,;=:@-._~/?", None),
    ("http://h/a;b=c;d?e;f", Http, "h", 80, "/a;b=c;d?e;f", None),
    ("http://h/a%E2%82%AC?%e2%82%ac", Http, "h", 80, "/a%E2%82%AC?%E2%82%AC", None),
    ("http://h/a?x=%", Http, "h", 80, "/a?x=%25", None),
    ("http://h/a?x=%20%", Http, "h", 80, "/a?x=%2520%25", None),
    ("http://h/a%25b", Http, "h", 80, "/a%25b", None),
    ("http://h/a+b?c+d", Http, "h", 80, "/a+b?c+d", None),
    ("http://xn--mnchen-3ya.de/", Http, "xn--mnchen-3ya.de", 80, "/", None),
    ("http://ex_ample.com/", Http, "ex_ample.com", 80, "/", None),
];

#[test]
fn urls_come_apart_as_in_requests() {
    for &(url, scheme, host, port, target, credentials) in VECTORS {
        let got = Url::parse(url).expect(url);
        assert_eq!(
            got.origin,
            Origin {
                scheme,
                host: host.to_owned(),
                port
            },
            "{url}"
        );
        assert_eq!(got.target, target, "{url}");
        let owned = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        assert_eq!(got.credentials, owned, "{url}");
    }
}

#[test]
fn a_target_is_a_fixed_point() {
    for &(url, .., target, _) in VECTORS {
        if url.contains("%2e") {
            continue; // As in requests, dots that were escaped come out as dots, after dot segments were removed.
        }
        let again = Url::parse(&format!("http://h{target}")).expect(target);
        assert_eq!(again.target, target);
    }
}

#[test]
fn what_cannot_be_requested_is_refused() {
    let check = |url: &str, expected| assert_eq!(Url::parse(url), Err(expected), "{url}");
    for url in [
        "",
        "h",
        "/path",
        "//h/",
        "ftp://h/",
        "http:/h",
        "http:h",
        "httpx://h/",
        "://h",
    ] {
        check(url, UrlError::Scheme);
    }
    for url in [
        "http://",
        "http:///a",
        "http://:80/",
        "http://user:pass@/",
        "http://*h/",
        "http://.h/",
        "http://[::1/",
    ] {
        check(url, UrlError::Host);
    }
    for url in [
        "http://[zz]/",
        "http://[127.0.0.1]/",
        "http://[::1]x/",
        "http://::1/",
        "http://h:1:2/",
    ] {
        assert!(Url::parse(url).is_err(), "{url}");
    }
    for url in [
        "http://h:x/",
        "http://h:65536/",
        "http://h:99999999999/",
        "http://h:-1/",
        "http://h:+1/",
        "http://h: 1/",
    ] {
        check(url, UrlError::Port);
    }
    check("http://m\u{fc}nchen.de/", UrlError::NonAsciiHost);
    // requests passes these on, to a lookup that fails or that means another host; we say so at once.
    for url in [
        "http://a b/",
        "http://h%41/",
        "http://\x7f/",
        "http://a\nb/",
        "http://[fe80::1%25eth0]/",
    ] {
        check(url, UrlError::Host);
    }
}

#[test]
fn the_host_header_names_the_port_only_if_needed() {
    let check = |url: &str, expected: &str| {
        assert_eq!(
            Url::parse(url).expect(url).origin.host_header(),
            expected,
            "{url}"
        );
    };
    check("http://H/", "h");
    check("http://h:80/", "h");
    check("http://h:443/", "h:443");
    check("https://h:443/", "h");
    check("http://[::1]/", "[::1]");
    check("http://[::1]:8080/", "[::1]:8080");
    assert_eq!(
        Url::parse("https://[::1]:444/x")
            .expect("valid")
            .origin
            .to_string(),
        "https://[::1]:444"
    );
}

#[test]
fn credentials_are_not_printed() {
    let url = Url::parse("http://user:secret@h/").expect("valid");
    assert!(!format!("{url:?}").contains("secret"));
}
