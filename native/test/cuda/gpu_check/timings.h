// What a device takes for the parts of a step; medians, by CUDA events.
#pragma once

#include <string>
#include <vector>

namespace zest::test {

struct Timing {
  std::string name;     // workload, dtype and operation
  double milliseconds;  // median
  double lowest, highest;
  int repeats;
  double floor =
      0;  // milliseconds that the operation cannot be below, by what was measured; 0: none
  std::string floor_of;  // what the floor is
};

// All of the speed list. `small`: tiny shapes and one repeat, to see that everything runs.
std::vector<Timing> measure(bool small, const std::string& only);

}  // namespace zest::test
