//! Delays, distributions, queues, pieces.

use katydid_target::RequestTruth;

use crate::client::{Client, logged};

#[test]
fn delays_are_never_short_and_hardly_long() {
    let target = logged();
    let mut client = Client::new(target.addr());
    for _ in 0..50 {
        assert_eq!(client.get("/delay?ms=4.5").status, 200);
    }
    let mut excess: Vec<_> = target
        .requests()
        .iter()
        .map(RequestTruth::excess_ns)
        .collect();
    excess.sort_unstable();
    assert_eq!(excess.len(), 50);
    assert!(excess[0] >= 0, "early by {} ns", -excess[0]);
    assert!(excess[25] < 5_000_000, "median excess {} ns", excess[25]);
    assert!(target.requests().iter().all(|r| r.intended_ns == 4_500_000));
}

#[test]
fn draws_are_the_truth_and_repeat_with_the_seed() {
    let draws = || {
        let target = logged();
        let mut client = Client::new(target.addr());
        for _ in 0..20 {
            client.get("/dist?name=lognormal&median=1&sigma=0.5");
            client.get("/null");
        }
        let requests = target.requests();
        assert!(requests.iter().all(|r| r.excess_ns() >= 0));
        let dist = requests.iter().filter(|r| r.path == "/dist");
        dist.map(|r| r.intended_ns).collect::<Vec<_>>()
    };
    let first = draws();
    assert_eq!(first.len(), 20);
    assert!(first.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(first, draws());
}

#[test]
fn a_queue_serves_in_waves() {
    const K: usize = 3;
    const N: usize = 10;
    const SERVICE: u64 = 20_000_000;
    let target = logged();
    let mut clients: Vec<_> = (0..N).map(|_| Client::new(target.addr())).collect();
    for client in &mut clients {
        client.send(b"GET /queue?k=3&ms=20&name=q HTTP/1.1\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.receive(true).unwrap().status, 200);
    }
    let mut requests = target.requests();
    requests.sort_by_key(|r| r.request_read_ns);
    let mut free_at = [0; K];
    for request in &requests {
        let server = free_at.iter_mut().min().unwrap();
        *server = (*server).max(request.request_read_ns) + SERVICE;
        assert_eq!(request.request_read_ns + request.intended_ns, *server);
        assert!(request.excess_ns() >= 0);
    }
    // All came well within one service time, so the last leaves with the wave ceil(N / k).
    let first = requests[0].request_read_ns;
    let last = requests
        .iter()
        .map(|r| r.last_byte_written_ns)
        .max()
        .unwrap();
    assert!(last - first >= N.div_ceil(K) as u64 * SERVICE);
}

#[test]
fn a_queue_keeps_its_servers() {
    let target = logged();
    let mut client = Client::new(target.addr());
    assert_eq!(client.get("/queue?k=3&ms=0&name=q").status, 200);
    assert_eq!(client.get("/queue?k=4&ms=0&name=q").status, 400);
    assert_eq!(client.get("/queue?k=4&ms=0.1&name=r&dist=exp").status, 200);
}

#[test]
fn slow_bodies_come_on_schedule() {
    let target = logged();
    let mut client = Client::new(target.addr());
    let whole = client.get("/slow?bytes=5500&chunk=1000&ms=4");
    assert_eq!(whole.body.len(), 5500);
    let chunked = client.get("/slow?bytes=250&chunk=100&ms=2&chunked=1");
    assert!(chunked.body.starts_with(b"64\r\nabc"));
    assert!(chunked.body.ends_with(b"\r\n0\r\n\r\n"));
    let requests = target.requests();
    assert_eq!(requests[0].intended_ns, 5 * 4_000_000);
    assert_eq!(requests[1].intended_ns, 2 * 2_000_000);
    assert!(requests.iter().all(|r| r.excess_ns() >= 0));
    assert!(requests[0].first_byte_written_ns < requests[0].last_byte_written_ns);
}

#[test]
fn early_hints_come_before_the_delay() {
    let target = logged();
    let mut client = Client::new(target.addr());
    let hints = client.ask("GET", "/early-hints?ms=5", "", b"");
    assert_eq!(hints.status, 103);
    assert_eq!(client.receive(true).unwrap().status, 200);
    let request = &target.requests()[0];
    assert!(request.last_byte_written_ns - request.first_byte_written_ns >= 4_000_000);
    assert_eq!(request.intended_ns, 5_000_000);
}
