#include "test/cuda/schedules.h"

#include <cstdint>

#include "shim.h"

namespace zest::test {

void for_each_schedule(const std::function<void()>& body) {
  for (const shim::Schedule schedule :
       {shim::Schedule::descending, shim::Schedule::random, shim::Schedule::ascending}) {
    shim::set_schedule(schedule, 12345);
    body();
  }
}

void under_some_schedule(const std::function<void()>& body) {
  static uint64_t turn = 0;
  ++turn;
  shim::set_schedule(static_cast<shim::Schedule>(turn % 3), turn * 0x9e3779b97f4a7c15u);
  body();
  shim::set_schedule(shim::Schedule::ascending);
}

size_t many_samples() { return 1000000; }

}  // namespace zest::test
