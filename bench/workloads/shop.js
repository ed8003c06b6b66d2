// shop.py for k6: the same requests in the same shares, the same parsing and verdicts; the counter stands for the listener.
import http from "k6/http";
import { check, sleep } from "k6";
import { Counter } from "k6/metrics";

// A user keeps its cookies from one iteration to the next.
export const options = { noCookiesReset: true };

const TARGET = __ENV.TARGET;
const JSON_BODY = { headers: { "Content-Type": "application/json" } };
const heard = new Counter("heard");
let orders = [];

const between = (low, high) => low + Math.floor(Math.random() * (high - low + 1));
const named = (name, params) => Object.assign({ tags: { name } }, params);

function verdict(response, name, good) {
  const ok = check(response, { [name]: good });
  heard.add(1, { name, ok: String(ok) });
}

function login() {
  const who = { email: `user${between(1, 999)}@tenant.example`, password: "katydid" };
  const response = http.post(`${TARGET}/shop/login`, JSON.stringify(who), named("/shop/login", JSON_BODY));
  verdict(response, "/shop/login", (r) => r.status === 200);
}

function dashboard() {
  const response = http.get(`${TARGET}/shop/dashboard`, named("/shop/dashboard"));
  verdict(response, "/shop/dashboard", (r) => r.status === 200 && r.json().recent.length > 0);
}

function listOrders() {
  const name = "/shop/orders?page=[n]";
  const response = http.get(`${TARGET}/shop/orders?page=${between(1, 10)}`, named(name));
  orders = response.json().orders;
  verdict(response, name, () => orders.length > 0);
}

function submitOrder() {
  const order = {
    customer_id: between(1, 9999),
    note: "please ring twice",
    lines: [1, 2, 3].map((n) => ({ product_id: between(1, 999), quantity: n, price_cents: 1990 })),
  };
  const response = http.post(`${TARGET}/shop/orders`, JSON.stringify(order), named("/shop/orders", JSON_BODY));
  verdict(response, "/shop/orders", (r) => r.status === 201);
}

function invoice() {
  const order = orders.length ? orders[between(0, orders.length - 1)].id : 1000;
  const name = "/shop/orders/[id]/invoice";
  const asked = http.post(`${TARGET}/shop/orders/${order}/invoice`, null, named(name));
  verdict(asked, name, (r) => r.status === 202);
  const job = http.get(`${TARGET}/shop/jobs/${asked.json().job}`, named("/shop/jobs/[id]"));
  verdict(job, "/shop/jobs/[id]", (r) => r.json().status === "done");
}

export default function () {
  if (__ITER === 0) {
    sleep(Math.random());
    login();
  }
  const drawn = Math.random() * 12;
  if (drawn < 4) {
    dashboard();
  } else if (drawn < 9) {
    listOrders();
  } else if (drawn < 11) {
    submitOrder();
  } else {
    invoice();
  }
  sleep(0.1 + Math.random() * 0.2);
}
