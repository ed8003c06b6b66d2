//! The engine on real sockets, against `katydid-target` and servers that do one odd thing each.

mod causes;
mod driver;
mod ends;
mod exchanges;
mod hub;
mod inlets;
mod proxy;
mod servers;
mod streams;
mod tls;
mod truth;
mod wake;
