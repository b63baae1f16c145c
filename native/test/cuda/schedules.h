// What differs between the stand-in of CUDA's run time and a device: the orders in which a kernel's
// threads may go on, and what there is time for. With the stand-in the body runs under each order;
// on a device, which has its own, once.
#pragma once

#include <cstddef>
#include <functional>

namespace zest::test {

void for_each_schedule(const std::function<void()>& body);
// Once, under an order that changes from call to call.
void under_some_schedule(const std::function<void()>& body);

// Samples to compare: 10^8 on a device, 10^6 here.
size_t many_samples();

}  // namespace zest::test
