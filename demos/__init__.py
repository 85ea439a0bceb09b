"""What `make demo` shows beside `homeroom demo`: homeroom among programs that know nothing of it."""
