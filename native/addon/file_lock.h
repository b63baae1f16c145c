// The lock by which one process at a time writes to a folder.
#pragma once

namespace zest::addon {

// Whether the process got the exclusive lock of an open file or folder of Node's, which goes with
// the descriptor; false: another descriptor has it. True also where a file system has no locks.
// Windows locks no folders: there it must be a file.
bool try_lock(int descriptor);

}  // namespace zest::addon
