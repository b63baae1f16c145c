// What the backend does when the device has no memory, fails, or is not there; and that its steps
// neither allocate nor wait more often than they say.
#include <cstdlib>
#include <memory>
#include <string>

#include "core/digest.h"
#include "cpu/backend.h"
#include "cuda/backend.h"
#include "cuda/device/cublaslt.h"
#include "cuda/device/device.h"
#include "cuda/kernels/launch.h"
#include "shim.h"
#include "test/check.h"
#include "test/parameter_values.h"
#include "test/random_decoder.h"
#include "test/random_encoder.h"
#include "test/step.h"

namespace zest::test {
namespace {

const AbortFlag never{false};
const Shape small = {16, 2, 2, 24, 40, 40};
const Directions gaussian = {7, Law::gaussian, 0};

std::unique_ptr<Backend> backend(StorageType storage = StorageType::float32,
                                 const RandomModel& model = random_encoder(small)) {
  auto result = make_cuda_backend(model.spec, storage, 0);
  result->load(model.sources, {}, never);
  return result;
}

StepOptions options(uint64_t first_stream) {
  StepOptions o;
  o.directions = 5;
  o.first_stream = first_stream;
  o.learning_rate = 1e-3;
  return o;
}

std::string message(const char* code, const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(std::string(error.code()) == code);
    return error.what();
  }
  CHECK(!"an error");
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Runs first: once the library is open it stays open.
TEST("cuBLASLt that is not there is an error that names the paths and the fix") {
  const std::string good = std::getenv("ZEST_CUBLASLT");
  setenv("ZEST_CUBLASLT", "/nowhere/libcublasLt.so.13", 1);
  const std::string absent = message("ERR_ZEST_CUBLAS", [] { backend(); });
  CHECK(contains(absent, "/nowhere/libcublasLt.so.13") && contains(absent, "pip install"));
  unsetenv("ZEST_CUBLASLT");
  const std::string usual = message("ERR_ZEST_CUBLAS", [] { backend(); });
  CHECK(contains(usual, "libcublasLt.so.13: cannot open") &&
        contains(usual, "/usr/local/cuda/lib64") && contains(usual, "LD_LIBRARY_PATH"));
  setenv("ZEST_CUBLASLT", "libm.so.6", 1);
  CHECK(contains(message("ERR_ZEST_CUBLAS", [] { backend(); }), "no function cublasLtCreate"));
  setenv("ZEST_CUBLASLT", good.c_str(), 1);
  CHECK(backend() != nullptr);
}

TEST("no driver, an old driver and no device read differently") {
  const auto failure = [](int devices, int driver) {
    shim::set_devices(devices, driver);
    const std::string text = message("ERR_ZEST_DEVICE", [] { cuda::use_device(0); });
    CHECK(text == cuda::device_report().failure);
    return text;
  };
  const std::string none = failure(0, 0), old = failure(1, 12040), invisible = failure(0, 13000);
  CHECK(contains(none, "no NVIDIA driver"));
  CHECK(contains(old, "too old") && contains(old, "12.4") && contains(old, "13.0"));
  CHECK(contains(invisible, "no CUDA device is visible"));
  shim::set_devices(2);
  CHECK(cuda::device_report().failure.empty());
  CHECK(cuda::device_report().devices.size() == 2);
  const std::string absent = message("ERR_ZEST_DEVICE", [] { cuda::use_device(2); });
  CHECK(contains(absent, "no CUDA device 2") && contains(absent, "0 to 1"));
  shim::set_devices(1);
}

TEST("launches overlap where the device can and the kernels wait, in the backend of the thread") {
  backend();
  CHECK(cuda::launches_overlap());
  shim::set_compiled_for(80);  // PTX that is for 8.0 as well
  backend();
  CHECK(!cuda::launches_overlap());
  shim::set_compiled_for(90);
  backend();
  CHECK(cuda::launches_overlap());
}

TEST("out of memory says what was asked and what is free; the model stays usable") {
  const auto model = backend();
  const std::string before = digest(*model);
  const Batch batch = label_word_batch({5, 9}, small.vocabulary);
  CHECK(step(*model, gaussian, batch, options(0), never).losses.size() == 10);
  const std::string after = digest(*model);
  shim::set_memory_limit(shim::allocated_bytes() + (size_t{2} << 20));
  const Batch large = label_word_batch(std::vector<int32_t>(120, 30), small.vocabulary);
  const std::string text =
      message("ERR_ZEST_MEMORY", [&] { step(*model, gaussian, large, options(5), never); });
  CHECK(contains(text, "MiB more") && contains(text, "are free"));
  CHECK(digest(*model) == after);
  CHECK_THROWS("ERR_ZEST_MEMORY", backend());
  CHECK(step(*model, gaussian, batch, options(5), never).losses.size() == 10);
  // Factors of low rank that there is no room for leave those that there were.
  const Directions low_rank = {7, Law::low_rank, 16};
  const auto evaluated = [&] {
    return evaluate(*model, low_rank, batch, std::vector<Point>{{{1, 0.1f}}}, 0, never);
  };
  const std::vector<double> losses = evaluated();
  Update update{0, {}};
  for (uint64_t t = 0; t < 5000; ++t) update.terms.push_back({t, 0.0f});
  shim::set_memory_limit(shim::allocated_bytes() + (size_t{2} << 20));
  CHECK_THROWS("ERR_ZEST_MEMORY", model->apply(low_rank, update, never));
  CHECK(evaluated() == losses);
  // A model that turns heads has its sines and cosines again.
  shim::set_memory_limit(size_t{1} << 36);
  const auto decoder = backend(StorageType::float32, random_decoder(decoder_shapes()[0]));
  const auto next_tokens = [&](int32_t length) {
    return evaluate(*decoder, gaussian, next_token_batch({length}, 101),
                    std::vector<Point>{{{1, 0.1f}}}, 0, never);
  };
  const std::vector<double> short_losses = next_tokens(9);
  shim::set_memory_limit(shim::allocated_bytes() + 8192);
  CHECK_THROWS("ERR_ZEST_MEMORY", next_tokens(66));
  CHECK(next_tokens(9) == short_losses);
  // A cache for more tokens than there is memory for says so; one that fits is had.
  CHECK_THROWS("ERR_ZEST_MEMORY", decoder->session(gaussian, {}, std::vector{100000}, never));
  shim::set_memory_limit(size_t{1} << 36);
  CHECK(decoder->session(gaussian, {}, std::vector{100}, never) != nullptr);
  // What a call without memory had taken is free for one that fits.
  shim::set_memory_limit(size_t{1} << 36);
  const auto other = backend();
  shim::set_memory_limit(shim::allocated_bytes() + (size_t{4} << 20));
  CHECK_THROWS("ERR_ZEST_MEMORY", step(*other, gaussian, large, options(5), never));
  CHECK(step(*other, gaussian, batch, options(5), never).losses.size() == 10);
  shim::set_memory_limit(size_t{1} << 36);
  CHECK(digest(*model) != before);
}

TEST("a fault of the device ends the model, not the process") {
  const auto model = backend();
  const Batch batch = label_word_batch({5, 9}, small.vocabulary);
  step(*model, gaussian, batch, options(0), never);
  shim::break_device(cudaErrorIllegalAddress);
  const std::string text =
      message("ERR_ZEST_DEVICE_LOST", [&] { step(*model, gaussian, batch, options(5), never); });
  CHECK(contains(text, "CUDA device 0 failed") && contains(text, "cudaErrorIllegalAddress"));
  shim::break_device(cudaSuccess);
  // Its memory may hold anything: the model stays ended.
  CHECK_THROWS("ERR_ZEST_DEVICE_LOST", step(*model, gaussian, batch, options(5), never));
  CHECK_THROWS("ERR_ZEST_DEVICE_LOST", digest(*model));
  CHECK_THROWS("ERR_ZEST_DEVICE_LOST", model->apply(gaussian, {0, {{1, 1.0f}}}, never));
  CHECK(!weights_of(*backend(), 0).empty());
}

TEST("after the first step of a shape nothing is allocated, and the host waits once") {
  for (const Law law : {Law::gaussian, Law::sphere, Law::low_rank}) {
    const Directions directions = {7, law, 2};
    const auto model = backend();
    for (uint64_t i = 0; i < 5; ++i) {
      const int64_t allocations = shim::allocations(), waits = shim::synchronisations();
      const Batch batch = label_word_batch({5, 9, 3}, small.vocabulary, static_cast<uint32_t>(i));
      step(*model, directions, batch, options(5 * i), never);
      if (i == 0) continue;
      CHECK(shim::allocations() == allocations);
      // For the losses; and twice, without effect, for the pinned memory of the last step.
      CHECK(shim::synchronisations() - waits <= 4);
    }
  }
}

TEST("a decoder allocates for longer sequences alone") {
  for (const size_t i : {0, 3}) {  // Llama, GPT-2
    const DecoderShape shape = decoder_shapes()[i];
    const auto model = backend(StorageType::bfloat16, random_decoder(shape));
    const auto allocations_of = [&](const std::vector<int32_t>& lengths, uint64_t n) {
      const int64_t before = shim::allocations();
      const Batch batch = next_token_batch(lengths, shape.vocabulary, static_cast<uint32_t>(n));
      step(*model, gaussian, batch, options(5 * n), never);
      return shim::allocations() - before;
    };
    CHECK(allocations_of({5, 9, 3}, 0) > 0);
    for (uint64_t n = 1; n < 4; ++n) CHECK(allocations_of({5, 9, 3}, n) == 0);
    CHECK(allocations_of({40, 2}, 4) > 0);
    CHECK(allocations_of({40, 2}, 5) == 0 && allocations_of({5, 9, 3}, 6) == 0);
  }
}

TEST("batches of a task share a graph, whatever their words and lengths") {
  const auto model = backend();
  int64_t captures = 0;
  for (uint32_t i = 0; i < 8; ++i) {
    if (i == 2) captures = shim::captures();
    const std::vector<int32_t> lengths = {5 + static_cast<int32_t>(i) % 3, 9,
                                          30 - 3 * static_cast<int32_t>(i % 2)};
    step(*model, gaussian, label_word_batch(lengths, small.vocabulary, i), options(5 * i), never);
  }
  CHECK(captures > 0 && shim::captures() == captures);
}

TEST("all memory is given back") {
  const size_t before = shim::allocated_bytes();
  {
    const auto model = backend(StorageType::bfloat16);
    step(*model, gaussian, label_word_batch({3}, small.vocabulary), options(0), never);
    CHECK(shim::allocated_bytes() > before);
  }
  CHECK(shim::allocated_bytes() == before);
}

TEST("an update of a thousand terms is one launch, and the CPU's digest") {
  const RandomModel model = random_encoder(small);
  const auto cpu = make_cpu_backend(model.spec, StorageType::bfloat16, {}, 1);
  cpu->load(model.sources, {}, never);
  const auto cuda = backend(StorageType::bfloat16, model);
  Update update{1e-3f, {}};
  for (uint64_t t = 0; t < 1000; ++t) update.terms.push_back({t, t % 2 ? 1e-3f : -2e-3f});
  const int64_t before = shim::launches();
  cuda->apply(gaussian, update, never);
  cpu->apply(gaussian, update, never);
  CHECK(digest(*cuda) == digest(*cpu));
  CHECK(shim::launches() == before + 1);
}

}  // namespace
}  // namespace zest::test
