"""Called by .ci/sqlx: a private Postgres, every migration, then `cargo check` of the store against it."""

import filecmp, os, pathlib, shutil, subprocess, sys, tempfile, urllib.parse

import pg8000.dbapi

check = "--check" in sys.argv
server = subprocess.Popen(["target/debug/embedded-postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
try:
    url = server.stdout.readline().strip().removeprefix("ready ")
    parts = urllib.parse.urlparse(url)
    connection = pg8000.dbapi.connect(
        user=parts.username, password=parts.password, host=parts.hostname, port=parts.port, database=parts.path[1:]
    )
    connection.autocommit = True
    for migration in sorted(pathlib.Path("migrations").glob("*.sql")):
        connection.cursor().execute(migration.read_text())
    with tempfile.TemporaryDirectory() as fresh:
        environment = os.environ | {"DATABASE_URL": url, "SQLX_OFFLINE": "false", "SQLX_OFFLINE_DIR": fresh}
        # A cfg of its own: cargo then neither takes a build that exists for this one, nor this one for another.
        command = ["cargo", "rustc", "--quiet", "--locked", "--profile", "check", "-p", "tollgate-store", "--lib"]
        subprocess.run([*command, "--", "--cfg", f"sqlx_fresh_{os.getpid()}"], env=environment, check=True)
        made = sorted(os.listdir(fresh))
        if not made:
            sys.exit("no query was checked")
        if check:
            kept = sorted(os.listdir(".sqlx"))
            different = set(made) ^ set(kept)
            different |= {f for f in set(made) & set(kept) if not filecmp.cmp(f".sqlx/{f}", f"{fresh}/{f}", shallow=False)}
            if different:
                sys.exit(f".sqlx is not fresh ({len(different)} files differ): run .ci/sqlx and commit")
            print(f".sqlx is fresh: {len(made)} queries")
        else:
            shutil.rmtree(".sqlx", ignore_errors=True)
            shutil.copytree(fresh, ".sqlx")
            print(f"wrote .sqlx: {len(made)} queries")
finally:
    server.stdin.close()
    server.wait(30)
