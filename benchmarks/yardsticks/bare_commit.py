"""What one commit costs with nothing around it: stdlib sqlite3, WAL, a row each. Arguments: file, synchronous, count.

Prints the median and the 99th percentile in milliseconds.
"""

import sqlite3
import sys
import time


def main(path: str, synchronous: str, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, room_id INTEGER, content TEXT)")
    taken = []
    for number in range(count):
        start = time.perf_counter_ns()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO messages (room_id, content) VALUES (1, ?)", (f"message {number}",))
        connection.execute("COMMIT")
        taken.append(time.perf_counter_ns() - start)
        time.sleep(0.0005)  # as between the messages of one who writes
    taken.sort()
    print(taken[count // 2] / 1e6, taken[count * 99 // 100] / 1e6)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
