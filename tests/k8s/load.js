// Users at work through the public API, and what became of their tasks. Run by scripts/load-test; by hand:
//   k6 run -e URL=http://todo.localhost:8080 -e USERS=100 -e DURATION=1m tests/k8s/load.js
//
// A user registers once and signs in again now and then. In each round he adds a task, reads and completes
// it, lists his tasks; every fifth is a daily one, whose next occurrence must come once. At the end of the round
// he counts: a task of this round that is not in the list is lost, one that is there twice is doubled.
// When the time is over he finishes his round, then counts all that he ever added; nobody is cut off.
//   DURATION   how long, after all users are there (RAMP)
//   UNTIL      a URL that is asked before each round instead: as long as it answers 204 (and LIMIT is not over), the
//              load goes on. It is in no figure.
// A write that fails is sent again until it is answered (for PATIENCE seconds), under one key, as a careful client
// does; so what is lost or doubled is known whatever fails. A next occurrence that is not there after OCCURRENCE_LIMIT
// seconds is late, and lost if it is still not there at the end.
// ERRORS=1 lets any number of requests fail, P95=0 take as long as they do. NEW_CONNECTIONS=1: one for each request; on
// one that is kept, Go's client sends again by itself what is safe to repeat, and that is no failure here.
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
const PATIENCE_S = number("PATIENCE", 120);
const P95 = number("P95", 1000);
const UNTIL = __ENV.UNTIL || "";
const RAMP_S = seconds("RAMP", "10s");
const SPAN_S = UNTIL ? seconds("LIMIT", "1h") : RAMP_S + seconds("DURATION", "1m");
const LAST_ROUND_S = 10 * PATIENCE_S; // more than a round and the last count can take
const TOKEN_AGE_S = 600; // of 900 that it lives
const PASSWORD = "correct horse battery staple";

function number(name, initial) {
    const text = __ENV[name];
    const value = text === undefined || text === "" ? initial : Number(text);
    if (Number.isNaN(value)) {
        throw new Error(`${name} is no number: ${text}`);
    }
    return value;
}

// "90s", "1m30s", "1h"
function seconds(name, initial) {
    const text = __ENV[name] || initial;
    if (!/^([0-9.]+(h|m|s|ms))+$/.test(text)) {
        throw new Error(`${name} is no time like 90s or 1m30s: ${text}`);
    }
    const units = { h: 3600, m: 60, s: 1, ms: 0.001 };
    return [...text.matchAll(/([0-9.]+)(h|ms|m|s)/g)].reduce((sum, [, value, unit]) => sum + value * units[unit], 0);
}

const STEPS = ["register", "sign in", "add", "read", "complete", "list series", "list", "list all"];
const counted = new Counter("users_counted"); // who came to the end and counted all his tasks
const added = new Counter("tasks_added");
const unsure = new Counter("tasks_unsure"); // never answered: may be there or not
const completed = new Counter("tasks_completed");
const occurrences = new Counter("occurrences_seen");
const late = new Counter("occurrences_late"); // not within OCCURRENCE_LIMIT; lost only if not there at the end either
const lost = new Counter("tasks_lost");
const doubled = new Counter("tasks_doubled");
const refused = new Counter("requests_refused"); // answered, but not as they should be
const unanswered = new Counter("requests_unanswered");
const failed = new Rate("requests_failed");
const failedAt = new Trend("failed_at"); // ms since 1970
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

function thresholds() {
    const all = {
        requests_failed: [`rate<=${number("ERRORS", 0)}`],
        tasks_lost: ["count==0"],
        tasks_doubled: ["count==0"],
        tasks_added: ["count>0"],
        users_counted: [`count==${USERS}`],
    };
    if (P95 > 0) {
        all.request_ms = [`p(95)<${P95}`];
    }
    for (const step of STEPS) {
        all[`failed_at{step:${step}}`] = ["max>=0"]; // always holds; what has a threshold is in the summary
    }
    return all;
}

export const options = {
    hosts: hosts(),
    scenarios: {
        users: {
            executor: "per-vu-iterations",
            vus: USERS,
            iterations: 1,
            maxDuration: `${Math.ceil(SPAN_S + LAST_ROUND_S)}s`,
            gracefulStop: "0s",
        },
    },
    thresholds: thresholds(),
    summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "min", "max", "count"],
    noConnectionReuse: __ENV.NEW_CONNECTIONS === "1",
    userAgent: "todo-app load test",
};

// ------------------------------------------------------------------ one user
// `kept` has an entry for each task he meant to add: its tag, its id once that is known, and how many tasks of
// this tag there are at least and at most.
const me = { email: "", token: "", signedInAt: 0, rounds: 0, status: 0, kept: [] };

// The answer; one without a status when the request was cut off.
function ask(method, path, text, parameters) {
    const began = Date.now();
    try {
        return http.request(method, `${URL}/api/v1${path}`, text, { ...parameters, timeout: "30s", throw: true });
    } catch (error) {
        return { status: 0, body: String(error), timings: { duration: Date.now() - began } };
    }
}

// Once. What was answered; null if that is not as it should be.
function call(step, method, path, body, status, headers) {
    const text = body === null ? null : JSON.stringify(body);
    const parameters = { headers: { "Content-Type": "application/json", ...headers }, tags: { step } };
    if (me.token) {
        parameters.headers.Authorization = `Bearer ${me.token}`;
    }
    const answer = ask(method, path, text, parameters);
    const isWell = answer.status === status;
    me.status = answer.status;
    latency.add(answer.timings.duration, { step });
    failed.add(!isWell, { step });
    check(answer, { [step]: () => isWell });
    if (!isWell) {
        (answer.status === 0 ? unanswered : refused).add(1, { step });
        failedAt.add(Date.now(), { step });
        const why = String(answer.body).replace(/\s+/g, " ").slice(0, 160);
        console.warn(`${new Date().toISOString()} ${step}: ${answer.status} ${why}`);
        if (answer.status === 401) {
            me.token = "";
        }
        return null;
    }
    return answer.body ? answer.json() : {};
}

// Again and again, until it is answered for good or his patience ends.
function insist(...request) {
    const began = Date.now();
    for (let tries = 1; ; tries += 1) {
        if (me.token || signIn()) {
            const answer = call(...request);
            const isFinal = me.status >= 400 && me.status < 500 && me.status !== 401 && me.status !== 429;
            if (answer !== null || isFinal) {
                return answer;
            }
        }
        if (Date.now() - began > PATIENCE_S * 1000) {
            return null;
        }
        sleep(Math.min(tries, 5) * (0.5 + Math.random()));
    }
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
        me.signedInAt = Date.now();
    }
    return answer !== null;
}

function pause() {
    sleep(PAUSE * (0.5 + Math.random()));
}

// All tasks that a query finds, of every page; null where that could not be known. `by`: call or insist
function find(by, step, query) {
    const found = [];
    let cursor = "";
    do {
        const page = by(step, "GET", `/tasks?limit=100&order=asc&${query}${cursor}`, null, 200);
        if (page === null) {
            return null;
        }
        found.push(...page.tasks);
        cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : "";
    } while (cursor);
    return found;
}

export function setup() {
    const answer = ask("GET", "/tasks", null, {});
    if (answer.status === 0) {
        exec.test.abort(`nothing answers at ${URL}: ${answer.body}`);
    }
}

export default function user() {
    counted.add(0); // a threshold without any figure would hold
    added.add(0);
    sleep((RAMP_S * (exec.vu.idInTest - 1)) / USERS);
    while (!isOver()) {
        round();
    }
    countAll();
}

function isOver() {
    if (Date.now() - exec.scenario.startTime >= SPAN_S * 1000) {
        return true;
    }
    if (!UNTIL) {
        return false;
    }
    try {
        return http.get(UNTIL, { timeout: "10s", throw: true }).status !== 204;
    } catch (error) {
        return true;
    }
}

function round() {
    if (me.rounds % SIGN_IN_EVERY === 0 || Date.now() - me.signedInAt > TOKEN_AGE_S * 1000) {
        me.token = "";
    }
    me.rounds += 1;
    const isDaily = me.rounds % DAILY_EVERY === 0;
    const entry = { tag: `round-${me.rounds}`, id: "", least: 0, most: 1, isLost: false, isDoubled: false };
    me.kept.push(entry);
    const task = addTask(entry.tag, isDaily);
    if (task === null) {
        return;
    }
    entry.id = task.id;
    entry.least = 1;
    pause();
    call("read", "GET", `/tasks/${task.id}`, null, 200);
    pause();
    const began = Date.now();
    entry.most = isDaily ? 2 : 1;
    if (insist("complete", "POST", `/tasks/${task.id}/complete`, null, 200) !== null) {
        completed.add(1);
        entry.least = entry.most; // else whether a completion that was cut off took place is not known
    }
    if (entry.least === 2) {
        awaitOccurrence(task, began);
    }
    pause();
    const found = find(insist, "list", `tag=${entry.tag}`);
    if (found !== null) {
        judge(entry, found);
    }
    pause();
}

// With a key: what was cut off is sent again, and must not add twice.
function addTask(tag, isDaily) {
    const body = { title: `k6 ${tag}`, tags: [tag], priority: "normal" };
    if (isDaily) {
        body.due_at = new Date(Date.now() + 3600e3).toISOString();
        body.recurrence = "daily";
    }
    const key = `${exec.vu.idInTest}-${me.rounds}-${Math.random().toString(36).slice(2)}`;
    const task = insist("add", "POST", "/tasks", body, 201, { "Idempotency-Key": key });
    (task === null ? unsure : added).add(1);
    return task;
}

function awaitOccurrence(task, began) {
    const query = `series_id=${task.series_id}`;
    while (Date.now() - began < OCCURRENCE_LIMIT_S * 1000) {
        const found = find(call, "list series", query);
        if (found !== null && found.some((one) => one.occurrence === 2)) {
            occurrences.add(1);
            occurrenceLag.add(Date.now() - began);
            return;
        }
        sleep(0.5);
    }
    late.add(1);
}

const idsOf = (found) => new Set(found.map((one) => one.id));
const isGone = (entry, found) => entry.id !== "" && !idsOf(found).has(entry.id);
const isShort = (entry, found) => idsOf(found).size < entry.least; // it, or its next occurrence

function sayLost(entry, found) {
    if (!entry.isLost) {
        lost.add(1);
        console.error(`${me.email} ${entry.tag}: ${found.length} tasks, ${entry.least} were to be there`);
    }
    entry.isLost = true;
}

// What was added must be there, once. An entry is lost once at most, and doubled once at most.
function judge(entry, found) {
    if (isGone(entry, found)) {
        sayLost(entry, found);
    }
    if ((found.length > entry.most || idsOf(found).size !== found.length) && !entry.isDoubled) {
        entry.isDoubled = true;
        doubled.add(1);
        console.error(`${me.email} ${entry.tag}: ${found.length} tasks, at most ${entry.most} were to be there`);
    }
}

// All his tasks by their tag; null where that could not be known.
function findAll() {
    const found = me.email === "" ? [] : find(insist, "list all", "sort=created");
    const byTag = new Map();
    for (const task of found || []) {
        byTag.set(task.tags[0], [...(byTag.get(task.tags[0]) || []), task]);
    }
    return found && byTag;
}

// At the end: everything that he added, and the next occurrences, some of which may still be on their way.
function countAll() {
    const began = Date.now();
    let byTag = findAll();
    const its = (entry) => byTag.get(entry.tag) || [];
    const isLate = (entry) => isShort(entry, its(entry)) && !isGone(entry, its(entry));
    while (byTag !== null && me.kept.some(isLate) && Date.now() - began < OCCURRENCE_LIMIT_S * 1000) {
        sleep(1);
        byTag = findAll();
    }
    if (byTag === null) {
        console.error(`${me.email}: his tasks could not be counted`);
        return;
    }
    for (const entry of me.kept) {
        judge(entry, its(entry));
        if (isShort(entry, its(entry))) {
            sayLost(entry, its(entry));
        }
        byTag.delete(entry.tag);
    }
    for (const [tag, tasks] of byTag) {
        doubled.add(tasks.length);
        console.error(`${me.email} ${tag}: ${tasks.length} tasks that he did not add`);
    }
    counted.add(1);
}

// ------------------------------------------------------------------ what it comes to
function line(name, metric) {
    const value = (key) => (metric && metric.values[key] !== undefined ? metric.values[key] : 0);
    return `  ${name.padEnd(24)} med ${value("med").toFixed(0)} ms, p95 ${value("p(95)").toFixed(0)}, ` +
        `p99 ${value("p(99)").toFixed(0)}, max ${value("max").toFixed(0)}`;
}

// When requests failed, and how many in each step.
function failures(metrics) {
    const steps = {};
    for (const step of STEPS) {
        const metric = metrics[`failed_at{step:${step}}`];
        if (metric && metric.values.count > 0) {
            steps[step] = metric.values.count;
        }
    }
    const of = metrics.failed_at && metrics.failed_at.values;
    const at = (ms) => (of && of.count > 0 ? new Date(ms).toISOString() : null);
    return { steps, from: at(of && of.min), to: at(of && of.max) };
}

function reportOf(data) {
    const total = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
    const values = (name) => (data.metrics[name] ? data.metrics[name].values : {});
    const { steps, from, to } = failures(data.metrics);
    return {
        users: USERS,
        counted: total("users_counted"),
        seconds: data.state.testRunDurationMs / 1000,
        requests: total("request_ms"),
        failed: total("requests_refused") + total("requests_unanswered"),
        refused: total("requests_refused"),
        unanswered: total("requests_unanswered"),
        failed_steps: steps,
        failed_from: from,
        failed_to: to,
        added: total("tasks_added"),
        unsure: total("tasks_unsure"),
        completed: total("tasks_completed"),
        occurrences: total("occurrences_seen"),
        late: total("occurrences_late"),
        lost: total("tasks_lost"),
        doubled: total("tasks_doubled"),
        request_ms: values("request_ms"),
        occurrence_ms: values("occurrence_ms"),
        broken: Object.entries(data.metrics)
            .flatMap(([name, metric]) => Object.entries(metric.thresholds || {}).map(([text, one]) => [name, text, one.ok]))
            .filter(([, , ok]) => !ok)
            .map(([name, text]) => `${name} ${text}`),
    };
}

export function handleSummary(data) {
    const report = reportOf(data);
    const steps = Object.entries(report.failed_steps).map(([step, count]) => `${step} ${count}`);
    const text = [
        `${report.requests} requests in ${report.seconds.toFixed(0)} s (${(report.requests / report.seconds).toFixed(0)}/s), ` +
            `${report.refused} refused, ${report.unanswered} unanswered`,
        ...(steps.length ? [`  failed: ${steps.join(", ")}; from ${report.failed_from} to ${report.failed_to}`] : []),
        `  tasks: ${report.added} added, ${report.unsure} unsure, ${report.completed} completed, ` +
            `${report.occurrences} next occurrences, ${report.late} late, ${report.lost} lost, ${report.doubled} doubled`,
        `  ${report.counted} of ${USERS} users came to their end and counted all their tasks`,
        line("requests", data.metrics.request_ms),
        line("next occurrence", data.metrics.occurrence_ms),
        ...report.broken.map((one) => `  does not hold: ${one}`),
        "",
    ].join("\n");
    const files = { stdout: text };
    if (__ENV.REPORT) {
        files[__ENV.REPORT] = JSON.stringify(report, null, 2);
    }
    return files;
}
