#include "addon/file_lock.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

// Node's descriptors are those of its own C library, so Node is asked for what is behind one.
extern "C" HANDLE uv_get_osfhandle(int descriptor);
#else
#include <sys/file.h>

#include <cerrno>
#endif

namespace zest::addon {

bool try_lock(int descriptor) {
#if defined(_WIN32)
  // One byte far behind the end: a lock keeps others from reading what it covers.
  OVERLAPPED at = {};
  at.OffsetHigh = 0x7fffffff;
  return LockFileEx(uv_get_osfhandle(descriptor),
                    LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at) ||
         GetLastError() != ERROR_LOCK_VIOLATION;
#else
  return flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
#endif
}

}  // namespace zest::addon
