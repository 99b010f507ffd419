"""What strangers may send, made by code: files and requests that are wrong, huge, crafted or odd, and what must follow.

python -m benchmarks.hostile      sends all of it to the four applications, and thousands of mutated pictures
"""
