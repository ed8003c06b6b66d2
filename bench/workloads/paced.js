// paced.py for k6.
import http from "k6/http";
import { sleep } from "k6";

const TARGET = `${__ENV.TARGET}/`;

export default function () {
  if (__ITER === 0) {
    sleep(Math.random() * 0.2);
  }
  http.get(TARGET);
  sleep(0.2);
}
