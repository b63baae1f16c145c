/* glibc has it from 2.32 on; GCC's standard library asks it whether a count may be changed without a lock. */
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
