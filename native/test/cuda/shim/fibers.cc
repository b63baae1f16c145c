#include "fibers.h"

#include <sys/mman.h>

#include <stdexcept>

#include "cuda_pipeline_primitives.h"

#if defined(ZEST_SANITIZED_FIBERS)
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
#if defined(ZEST_SANITIZED_FIBERS)
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
  is_host_left_ = true;
  main_->switch_to(next());
  if (ended_ < count) fail("threads wait for a barrier or a warp's others that never come");
  running_block = nullptr;
  drop_copies();
  if (failure_) {
    // The stacks of the threads that are left are not used again.
    free_.clear();
    fibers_.clear();
    throw std::logic_error(failure_);
  }
}

// Where to go on: on the fiber of a thread that is ready, its own or a free one; where none is, or
// something failed, on the host's stack, whose work with the block is over.
Block::Fiber& Block::next() {
  if (failure_ || ready_.empty()) return *main_;
  current_ = ready_.take();
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
  return *thread.fiber;
}

void Block::fiber_main() {
#if defined(ZEST_SANITIZED_FIBERS)
  const void* bottom = nullptr;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  // The first one of a block comes from the host's stack.
  if (running_block->is_host_left_) {
    running_block->main_->bottom = bottom;
    running_block->main_->size = size;
  }
#endif
  for (;;) {
    Block& block = *running_block;
    block.is_host_left_ = false;
    (*block.body_)();
    Thread& thread = block.threads_[block.current_];
    thread.done = true;
    ++block.ended_;
    if (block.waiting_at_barrier_ > 0) block.fail("a thread ended while others wait at a barrier");
    Fiber* self = thread.fiber;
    block.free_.push_back(self);
    Fiber& other = block.next();
    if (&other != self) self->switch_to(other);
  }
}

// Waits until it is this thread's turn again.
void Block::leave() {
  Fiber& self = *threads_[current_].fiber;
  Fiber& other = next();
  if (&other != &self) self.switch_to(other);
}

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

const std::array<uint64_t, 32>& Block::gather(unsigned mask, uint64_t value) {
  const size_t me = current_;
  auto& values = warps_[me / 32].values[threads_[me].exchanges++ % 2];
  values[me % 32] = value;
  arrive(mask);
  return values;
}

uint64_t Block::exchange(unsigned mask, uint64_t value, int source) {
  const uint64_t other = gather(mask, value)[static_cast<size_t>(source)];
  if (!(mask >> source & 1u)) fail("a lane reads from one that is not in the mask");
  return other;
}

unsigned Block::ballot(unsigned mask, bool predicate) {
  const auto& values = gather(mask, predicate);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (mask >> lane & 1u && values[lane]) result |= 1u << lane;
  }
  return result;
}

void fail(const char* what) { running_block->fail(what); }
void block_barrier() { running_block->barrier(); }
uint64_t exchange(unsigned mask, uint64_t value, int source) {
  return running_block->exchange(mask, value, source);
}
std::array<uint64_t, 32> gather(unsigned mask, uint64_t value) {
  return running_block->gather(mask, value);
}
unsigned ballot(unsigned mask, bool predicate) { return running_block->ballot(mask, predicate); }

}  // namespace zest::shim
