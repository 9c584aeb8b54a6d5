// Users at work through the public API, and what became of their tasks. Run by scripts/load-test; by hand:
//   k6 run -e URL=http://todo.localhost:8080 -e USERS=100 -e DURATION=1m tests/k8s/load.js
//
// A user registers once and signs in again now and then. In each round he adds a task, reads and completes
// it, lists his tasks; every fifth is a daily one, whose next occurrence must come once. At the end of the round
// he counts: a task of this round that is not in the list is lost, one that is there twice is doubled.
// The report (REPORT=file) has every counter; a request that fails is said with its step.
import { check, sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Rate, Trend } from "k6/metrics";

const URL = (__ENV.URL || "http://localhost:8080").replace(/\/$/, "");
const USERS = number("USERS", 100);
const PAUSE = number("PAUSE", 1);
const SIGN_IN_EVERY = number("SIGN_IN_EVERY", 50);
const DAILY_EVERY = number("DAILY_EVERY", 5);
const OCCURRENCE_LIMIT_S = number("OCCURRENCE_LIMIT", 30);
const PASSWORD = "correct horse battery staple";

function number(name, initial) {
    const text = __ENV[name];
    const value = text === undefined || text === "" ? initial : Number(text);
    if (Number.isNaN(value)) {
        throw new Error(`${name} is no number: ${text}`);
    }
    return value;
}

const added = new Counter("tasks_added");
const completed = new Counter("tasks_completed");
const occurrences = new Counter("occurrences_seen");
const lost = new Counter("tasks_lost");
const doubled = new Counter("tasks_doubled");
const refused = new Counter("requests_refused"); // answered, but not as they should be
const unanswered = new Counter("requests_unanswered");
const failed = new Rate("requests_failed");
const latency = new Trend("request_ms", true);
const occurrenceLag = new Trend("occurrence_ms", true);

// `*.localhost` is this machine everywhere (RFC 6761), but not every resolver knows
function hosts() {
    const [, host, port] = /^https?:\/\/([^:/]+)(?::(\d+))?/.exec(URL);
    if (__ENV.ADDRESS) {
        return { [host]: __ENV.ADDRESS };
    }
    return host.endsWith(".localhost") ? { [host]: port ? `127.0.0.1:${port}` : "127.0.0.1" } : {};
}

export const options = {
    hosts: hosts(),
    scenarios: {
        users: {
            executor: "ramping-vus",
            startVUs: 0,
            stages: [
                { duration: __ENV.RAMP || "10s", target: USERS },
                { duration: __ENV.DURATION || "1m", target: USERS },
            ],
            gracefulStop: "60s",
            gracefulRampDown: "60s",
        },
    },
    thresholds: {
        requests_failed: [`rate<=${number("ERRORS", 0)}`],
        request_ms: [`p(95)<${number("P95", 1000)}`],
        tasks_lost: ["count==0"],
        tasks_doubled: ["count==0"],
    },
    summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
    noConnectionReuse: __ENV.NEW_CONNECTIONS === "1",
    userAgent: "todo-app load test",
};

// ------------------------------------------------------------------ one user
const me = { email: "", token: "", rounds: 0 };

function call(step, method, path, body, status, headers) {
    const text = body === null ? null : JSON.stringify(body);
    const parameters = { headers: { "Content-Type": "application/json", ...headers }, tags: { step }, timeout: "30s" };
    if (me.token) {
        parameters.headers.Authorization = `Bearer ${me.token}`;
    }
    const answer = http.request(method, `${URL}/api/v1${path}`, text, parameters);
    const isWell = answer.status === status;
    latency.add(answer.timings.duration, { step });
    failed.add(!isWell, { step });
    check(answer, { [step]: () => isWell });
    if (!isWell) {
        (answer.status === 0 ? unanswered : refused).add(1, { step });
        const why = answer.status === 0 ? answer.error : String(answer.body).slice(0, 160);
        console.warn(`${new Date().toISOString()} ${step}: ${answer.status} ${why}`);
        return null;
    }
    return answer.body ? answer.json() : {};
}

function signIn() {
    const isNew = me.email === "";
    const body = { email: me.email, password: PASSWORD };
    me.token = "";
    if (isNew) {
        body.email = `k6-${Date.now()}-${exec.vu.idInTest}-${Math.random().toString(36).slice(2, 10)}@example.org`;
        body.time_zone = "Europe/Berlin";
    }
    const answer = call(isNew ? "register" : "sign in", "POST", isNew ? "/register" : "/session", body, isNew ? 201 : 200);
    if (answer) {
        me.email = body.email;
        me.token = answer.access_token;
    }
    return answer !== null;
}

function pause() {
    sleep(PAUSE * (0.5 + Math.random()));
}

// Every task whose title is this one: all of a series, or the one.
function find(step, query) {
    const found = [];
    let cursor = "";
    do {
        const page = call(step, "GET", `/tasks?limit=100&${query}${cursor}`, null, 200);
        if (page === null) {
            return null;
        }
        found.push(...page.tasks);
        cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : "";
    } while (cursor);
    return found;
}

export default function round() {
    if ((me.token === "" || me.rounds % SIGN_IN_EVERY === 0) && !signIn()) {
        pause();
        return;
    }
    me.rounds += 1;
    const isDaily = me.rounds % DAILY_EVERY === 0;
    const tag = `round-${me.rounds}`;
    const task = addTask(tag, isDaily);
    if (task === null) {
        pause();
        return;
    }
    pause();
    call("read", "GET", `/tasks/${task.id}`, null, 200);
    pause();
    const began = Date.now();
    const isCompleted = call("complete", "POST", `/tasks/${task.id}/complete`, null, 200) !== null;
    completed.add(isCompleted ? 1 : 0);
    if (isDaily && isCompleted) {
        awaitOccurrence(task, began);
    }
    pause();
    // whether a completion that was cut off took place is not known
    count(task, tag, isDaily && isCompleted ? 2 : 1, isDaily ? 2 : 1);
    pause();
}

// With a key, as a careful client does: a request that was cut off is sent again, and must not add twice.
function addTask(tag, isDaily) {
    const body = { title: `k6 ${tag}`, tags: [tag], priority: "normal" };
    if (isDaily) {
        body.due_at = new Date(Date.now() + 3600e3).toISOString();
        body.recurrence = "daily";
    }
    const key = `${exec.vu.idInTest}-${me.rounds}-${Math.random().toString(36).slice(2)}`;
    for (let tries = 0; tries < 5; tries += 1) {
        const task = call("add", "POST", "/tasks", body, 201, { "Idempotency-Key": key });
        if (task !== null) {
            added.add(1);
            return task;
        }
        sleep(1 + tries);
    }
    return null;
}

function awaitOccurrence(task, began) {
    const query = `series_id=${task.series_id}`;
    while (Date.now() - began < OCCURRENCE_LIMIT_S * 1000) {
        const found = find("list series", query);
        if (found !== null && found.some((one) => one.occurrence === 2)) {
            occurrences.add(1);
            occurrenceLag.add(Date.now() - began);
            return;
        }
        sleep(0.5);
    }
}

// What this round added must be there, once; of a daily task also the next occurrence.
function count(task, tag, least, most) {
    const found = find("list", `tag=${tag}`);
    if (found === null) {
        return;
    }
    const ids = new Set(found.map((one) => one.id));
    if (!ids.has(task.id) || ids.size < least) {
        lost.add(1);
        console.error(`${me.email} ${tag}: ${found.length} tasks, not ${least}`);
    }
    if (found.length > most || ids.size !== found.length) {
        doubled.add(1);
        console.error(`${me.email} ${tag}: ${found.length} tasks, not ${most}`);
    }
}

// ------------------------------------------------------------------ what it comes to
function line(name, metric) {
    const value = (key) => (metric && metric.values[key] !== undefined ? metric.values[key] : 0);
    return `  ${name.padEnd(24)} med ${value("med").toFixed(0)} ms, p95 ${value("p(95)").toFixed(0)}, ` +
        `p99 ${value("p(99)").toFixed(0)}, max ${value("max").toFixed(0)}`;
}

export function handleSummary(data) {
    const total = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
    const seconds = data.state.testRunDurationMs / 1000;
    const bad = Object.entries(data.metrics)
        .flatMap(([name, metric]) => Object.entries(metric.thresholds || {}).map(([text, one]) => [name, text, one.ok]))
        .filter(([, , ok]) => !ok)
        .map(([name, text]) => `${name} ${text}`);
    const report = {
        users: USERS,
        seconds,
        requests: total("http_reqs"),
        refused: total("requests_refused"),
        unanswered: total("requests_unanswered"),
        added: total("tasks_added"),
        completed: total("tasks_completed"),
        occurrences: total("occurrences_seen"),
        lost: total("tasks_lost"),
        doubled: total("tasks_doubled"),
        request_ms: data.metrics.request_ms ? data.metrics.request_ms.values : {},
        occurrence_ms: data.metrics.occurrence_ms ? data.metrics.occurrence_ms.values : {},
        broken: bad,
    };
    const text = [
        `${report.requests} requests in ${seconds.toFixed(0)} s (${(report.requests / seconds).toFixed(0)}/s), ` +
            `${report.refused} refused, ${report.unanswered} unanswered`,
        `  tasks: ${report.added} added, ${report.completed} completed, ${report.occurrences} next occurrences, ` +
            `${report.lost} lost, ${report.doubled} doubled`,
        line("requests", data.metrics.request_ms),
        line("next occurrence", data.metrics.occurrence_ms),
        ...bad.map((one) => `  does not hold: ${one}`),
        "",
    ].join("\n");
    const files = { stdout: text };
    if (__ENV.REPORT) {
        files[__ENV.REPORT] = JSON.stringify(report, null, 2);
    }
    return files;
}
