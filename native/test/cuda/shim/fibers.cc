#include "fibers.h"

#include <sys/mman.h>

#include <stdexcept>

#include "cuda_pipeline_primitives.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__)
#error "the fibers of the CUDA tests are written for x86-64"
#endif

// Saves the registers that a call keeps and the stack pointer, and goes on where `to` was saved.
extern "C" void zest_switch(void** from, void* to);
asm(R"(
.text
.globl zest_switch
.type zest_switch, @function
zest_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size zest_switch, .-zest_switch
)");

namespace zest::shim {
namespace {

constexpr size_t stack_bytes = 256 * 1024;

Block* running_block = nullptr;

}  // namespace

size_t Chooser::choose(size_t count) {
  if (schedule_ == Schedule::ascending) return 0;
  if (schedule_ == Schedule::descending) return count - 1;
  state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
  return static_cast<size_t>(state_ >> 11) % count;
}

size_t Ready::take() {
  const size_t choice = head_ + chooser().choose(items_.size() - head_);
  const size_t item = items_[choice];
  if (choice == head_) {
    ++head_;
  } else {
    items_[choice] = items_.back();
    items_.pop_back();
  }
  if (empty()) clear();
  return item;
}

Chooser& chooser() {
  static Chooser instance;
  return instance;
}

struct Block::Fiber {
  explicit Fiber(bool with_stack) {
    if (!with_stack) return;
    stack = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) throw std::bad_alloc();
    // As a call of fiber_main would leave it: 8 bytes off a multiple of 16.
    auto* top = reinterpret_cast<void**>(static_cast<char*>(stack) + stack_bytes) - 3;
    *top = nullptr;
    *--top = reinterpret_cast<void*>(&Block::fiber_main);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    pointer = top;
  }
  ~Fiber() {
    if (stack) munmap(stack, stack_bytes);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Goes over to `next`; returns when somebody comes back to this one.
  void switch_to(Fiber& next) {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    if (!next.stack) {
      __sanitizer_start_switch_fiber(&fake, next.bottom, next.size);
    } else {
      __sanitizer_start_switch_fiber(&fake, next.stack, stack_bytes);
    }
    zest_switch(&pointer, next.pointer);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    zest_switch(&pointer, next.pointer);
#endif
  }

  void* stack = nullptr;
  void* pointer = nullptr;
  const void* bottom = nullptr;  // of the host's own stack
  size_t size = 0;
};

Block::Block() : main_(std::make_unique<Fiber>(false)) {}
Block::~Block() = default;

void Block::fail(const char* what) {
  if (!failure_) failure_ = what;
}

void Block::run(dim3 threads, const std::function<void()>& thread) {
  const size_t count = size_t{threads.x} * threads.y * threads.z;
  body_ = &thread;
  threads_.assign(count, {});
  warps_.assign((count + 31) / 32, {});
  waiting_at_barrier_ = ended_ = 0;
  failure_ = nullptr;
  running_block = this;
  ready_.clear();
  size_t index = 0;
  for (unsigned z = 0; z < threads.z; ++z) {
    for (unsigned y = 0; y < threads.y; ++y) {
      for (unsigned x = 0; x < threads.x; ++x) {
        threads_[index].index = dim3(x, y, z);
        ready_.add(index++);
      }
    }
  }
  while (ended_ < count && !failure_) {
    if (ready_.empty()) {
      fail("threads wait for a barrier or a warp's others that never come");
      break;
    }
    go_on(ready_.take());
  }
  running_block = nullptr;
  drop_copies();
  if (failure_) {
    // The stacks of the threads that are left are not used again.
    free_.clear();
    fibers_.clear();
    throw std::logic_error(failure_);
  }
}

// From the host's stack: goes on with a thread, on its fiber or a free one.
void Block::go_on(size_t index) {
  current_ = index;
  Thread& thread = threads_[current_];
  if (!thread.fiber) {
    if (free_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>(true));
      free_.push_back(fibers_.back().get());
    }
    thread.fiber = free_.back();
    free_.pop_back();
  }
  threadIdx = thread.index;
  main_->switch_to(*thread.fiber);
}

void Block::fiber_main() {
#if defined(__SANITIZE_ADDRESS__)
  Fiber& main = *running_block->main_;
  __sanitizer_finish_switch_fiber(nullptr, &main.bottom, &main.size);
#endif
  for (;;) {
    Block& block = *running_block;
    (*block.body_)();
    Thread& thread = block.threads_[block.current_];
    thread.done = true;
    ++block.ended_;
    if (block.waiting_at_barrier_ > 0) block.fail("a thread ended while others wait at a barrier");
    Fiber* self = thread.fiber;
    block.free_.push_back(self);
    self->switch_to(*block.main_);
  }
}

void Block::leave() { threads_[current_].fiber->switch_to(*main_); }

void Block::barrier() {
  const size_t me = current_;
  if (ended_ > 0) fail("a barrier after a thread has ended");
  threads_[me].wait = Wait::block;
  if (++waiting_at_barrier_ == threads_.size()) {
    waiting_at_barrier_ = 0;
    for (size_t i = 0; i < threads_.size(); ++i) {
      threads_[i].wait = Wait::nothing;
      ready_.add(i);
    }
  }
  leave();
}

// Waits until all lanes of the mask have come.
void Block::arrive(unsigned mask) {
  const size_t me = current_, first = me / 32 * 32;
  Warp& warp = warps_[me / 32];
  if (!(mask >> me % 32 & 1u)) fail("a lane is not in its own mask");
  if (warp.arrived && warp.mask != mask) fail("lanes of a warp wait with different masks");
  warp.mask = mask;
  warp.arrived |= 1u << me % 32;
  threads_[me].wait = Wait::warp;
  if (warp.arrived == mask) {
    warp.arrived = 0;
    for (size_t lane = 0; lane < 32; ++lane) {
      if (!(mask >> lane & 1u)) continue;
      if (first + lane >= threads_.size() || threads_[first + lane].done) {
        fail("a mask names a lane that is not there");
        continue;
      }
      threads_[first + lane].wait = Wait::nothing;
      ready_.add(first + lane);
    }
  }
  leave();
}

uint64_t Block::exchange(unsigned mask, uint64_t value, int source) {
  const size_t me = current_;
  const size_t turn = threads_[me].exchanges++ % 2;
  warps_[me / 32].values[turn][me % 32] = value;
  arrive(mask);
  if (!(mask >> source & 1u)) fail("a lane reads from one that is not in the mask");
  return warps_[me / 32].values[turn][source];
}

unsigned Block::ballot(unsigned mask, bool predicate) {
  const size_t me = current_;
  const size_t turn = threads_[me].exchanges++ % 2;
  warps_[me / 32].values[turn][me % 32] = predicate;
  arrive(mask);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1u && warps_[me / 32].values[turn][lane]) result |= 1u << lane;
  }
  return result;
}

void fail(const char* what) { running_block->fail(what); }
void block_barrier() { running_block->barrier(); }
uint64_t exchange(unsigned mask, uint64_t value, int source) {
  return running_block->exchange(mask, value, source);
}
unsigned ballot(unsigned mask, bool predicate) { return running_block->ballot(mask, predicate); }

}  // namespace zest::shim
