"""What an operator types when nothing is wrong: twice, and after everything was taken away."""

from release import wait_for


def test_scripts_may_be_run_twice(release, tell):
    before = {pod["metadata"]["uid"] for pod in release.pods()}
    dapr = release.script("install-dapr")
    assert "install-dapr: Dapr" in dapr.text, dapr.text
    made = release.script("create-secrets", "--database", "postgres:5432/todo")
    assert "0 are made now" in made.text, made.text
    release.wait_ready()
    assert {pod["metadata"]["uid"] for pod in release.pods()} == before
    tell(f"install-dapr again: {dapr.seconds:.0f} s; create-secrets again: nothing made; every pod stayed")


def test_cleanup_leaves_the_data(release, tell):
    user = release.user()
    task = user.call("POST", "/tasks", 201, {"title": "Outlives its system"})
    gone = release.script("cleanup", "--yes")
    wait_for("every pod to go", lambda: not release.pods())
    again = release.install()
    assert user.call("GET", f"/tasks/{task['id']}", 200)["title"] == "Outlives its system"
    tell(f"cleanup: {gone.seconds:.0f} s; deploy again: {again.seconds:.0f} s; tasks, accounts and sessions are there")
