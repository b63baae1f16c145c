// The orders in which a kernel's threads may go on. With the stand-in of CUDA's run time the body
// runs under each; on a device, which has its own, once.
#pragma once

#include <functional>

namespace zest::test {

void for_each_schedule(const std::function<void()>& body);
// Once, under an order that changes from call to call.
void under_some_schedule(const std::function<void()>& body);

}  // namespace zest::test
