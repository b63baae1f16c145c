// How many processors there are for this process.
#pragma once

namespace zest {

// Cores that this process may use (its affinity), at least 1.
int available_cores();

}  // namespace zest
