// arrivals.py for k6: its open model.
import http from "k6/http";

export const options = {
  discardResponseBodies: true,
  scenarios: {
    arrivals: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE),
      timeUnit: "1s",
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 200,
      maxVUs: 2000,
    },
  },
};

export default function () {
  http.get(`${__ENV.TARGET}/`);
}
