#!/usr/bin/env python3
"""Writes a goroutine dump of any size: a real one again and again, with new ids and nothing else changed.

Usage: goroutines.py DUMP MEGABYTES > OUT
"""
import re
import sys

HEADER = re.compile(rb"^goroutine (\d+) ", re.M)
PARENT = re.compile(rb" in goroutine (\d+)$", re.M)


def main():
    dump = open(sys.argv[1], "rb").read().rstrip(b"\n") + b"\n\n"
    wanted = int(sys.argv[2]) * 1_000_000
    step = max(int(found) for found in HEADER.findall(dump)) + 1
    written = turn = 0
    while written < wanted:
        shift = turn * step
        text = HEADER.sub(lambda m: b"goroutine %d " % (int(m[1]) + shift), dump)
        text = PARENT.sub(lambda m: b" in goroutine %d" % (int(m[1]) + shift), text)
        sys.stdout.buffer.write(text)
        written += len(text)
        turn += 1


main()
