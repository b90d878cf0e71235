#!/usr/bin/env python3
"""Records programs with and without a slowdown of one function, and asks `postmortem diff` what changed.

    benches/diff.py record DIR [--seconds 12] [--base 21] [--slow 2]   needs perf, cc, rustc, and go for the Go program
    benches/diff.py judge DIR [--bin target/release/postmortem]       prints Markdown for docs/benchmarks.md

Nothing may be called changed between two recordings of one program; in a recording where one function does 20 %
more work, that function must be the first line. Two programs are recorded by perf, one by runtime/pprof (no times).
"""

import argparse
import itertools
import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).parent / "diff"
PROGRAMS = {
    "ledger": ["sort_keys", "walk_list", "parse_rows", "crc_pages", "hash_block", "fill_matrix", "scan_text"],
    "words": ["edit_distance", "make_text", "count_words", "rank_words", "pack_runs", "tokenize", "render_table"],
    "shop": ["addTax", "encode", "sign", "sortNames", "match", "newOrder"],
}
FACTOR = 1.2


def build(folder):
    run = lambda *command, **more: subprocess.run(command, check=True, **more)
    run("cc", "-O2", "-g", "-fno-omit-frame-pointer", "-fno-inline-functions-called-once",
        HERE / "ledger.c", "-o", folder / "ledger")
    run("rustc", "-O", "-g", "-C", "force-frame-pointers=yes", "--edition", "2021", HERE / "words.rs",
        "-o", folder / "words")
    if shutil.which("go"):
        run("go", "build", "-o", folder / "shop", HERE / "shop.go", env=dict(os.environ, GO111MODULE="off"))


def record(folder, program, name, seconds, slow):
    """One recording as BASE.script (perf) or BASE.pb.gz (pprof)."""
    if program == "shop":
        subprocess.run([folder / "shop", folder / f"{name}.pb.gz", str(seconds * 2), *slow], check=True,
                       stderr=subprocess.DEVNULL)
        return
    amount = str(seconds) if program == "ledger" else str(int(seconds * 233))
    data = folder / "perf.data"
    subprocess.run(["perf", "record", "-q", "-F", "1999", "-g", "-o", data, folder / program, amount, *slow],
                   check=True, stdout=subprocess.DEVNULL)
    with open(folder / f"{name}.script", "wb") as out:
        subprocess.run(["perf", "script", "--no-inline", "-i", data], check=True, stdout=out,
                       stderr=subprocess.DEVNULL)
    data.unlink()


def record_all(args):
    args.dir.mkdir(parents=True, exist_ok=True)
    build(args.dir)
    for program, functions in PROGRAMS.items():
        if not (args.dir / program).exists() or program not in (args.program or PROGRAMS):
            continue
        # Those with the slowdown are taken in between, so that what the machine does meanwhile is no cause.
        slow = [(f"{program}-slow-{function}-{n}", [function, str(FACTOR)])
                for n in range(args.slow) for function in functions]
        base = [(f"{program}-base-{n:02}", []) for n in range(args.base)]
        for pair in itertools.zip_longest(base, slow):
            for name, how in filter(None, pair):
                record(args.dir, program, name, args.seconds, how)
                print(name, flush=True)


def ask(binary, before, after):
    out = subprocess.run([binary, "diff", before, after, "--format", "json"], check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


def changes(diff):
    """Names of what is called changed, the first line first."""
    return [change["function"] for profile in diff["profiles"] for change in profile["functions"]
            if change["verdict"] != "same"]


def is_named(function, printed):
    return printed.replace("::", ".").split(".")[-1] == function


def judge(args):
    print("| program | pairs without a change | of them called changed | pairs with one function 20 % slower |"
          " it is the first line | not found | another first |")
    print("|---|---|---|---|---|---|---|")
    for program, functions in PROGRAMS.items():
        base = sorted(args.dir.glob(f"{program}-base-*"))
        if not base:
            continue
        pairs = list(zip(base, base[1:])) if not args.all else list(itertools.combinations(base, 2))
        alarms = [(before, after, changes(ask(args.bin, before, after))) for before, after in pairs]
        alarms = [alarm for alarm in alarms if alarm[2]]
        first, missed, wrong = 0, [], []
        slow = [(function, path) for function in functions for path in sorted(args.dir.glob(f"{program}-slow-{function}-*"))]
        against = itertools.cycle(base) if not args.all else None
        tried = 0
        for function, path in slow:
            for before in ([next(against)] if against else base):
                tried += 1
                found = changes(ask(args.bin, before, path))
                if not found:
                    missed.append(function)
                elif is_named(function, found[0]):
                    first += 1
                else:
                    wrong.append(f"{function}: {found[0]}")
        print(f"| {program} | {len(pairs)} | {len(alarms)} | {tried} | {first} | {len(missed)} | {len(wrong)} |")
        if args.verbose:
            for before, after, found in alarms:
                print("   ", before.name, after.name, found)
            print("    missed:", missed, "\n    wrong:", wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("record")
    verb.add_argument("dir", type=pathlib.Path)
    verb.add_argument("--seconds", type=int, default=12)
    verb.add_argument("--base", type=int, default=21)
    verb.add_argument("--slow", type=int, default=2)
    verb.add_argument("--program", action="append", choices=PROGRAMS)
    verb.set_defaults(run=record_all)
    verb = verbs.add_parser("judge")
    verb.add_argument("dir", type=pathlib.Path)
    verb.add_argument("--bin", default="target/release/postmortem")
    verb.add_argument("--all", action="store_true", help="every pair, not only neighbours")
    verb.add_argument("--verbose", action="store_true")
    verb.set_defaults(run=judge)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
