// A tiny model with weights of any values, moved by an update of any log, on batches of any numbers
// that pass the check: losses, logits and the new weights on the CPU.
#include <memory>
#include <span>

#include "core/parameters.h"
#include "cpu/backend.h"
#include "fuzz/batch_of.h"
#include "test/random_decoder.h"

using namespace zest;

namespace {

// One of each shape of a decoder, and its weights as they were.
struct Loaded {
  test::RandomModel model;
  std::unique_ptr<Backend> backend;
  std::vector<std::vector<std::byte>> weights;

  Loaded(test::DecoderShape shape, StorageType storage) {
    shape.vocabulary = 23, shape.positions = 14, shape.layers = 1, shape.adapter_rank = 2;
    shape.embedding = shape.embedding == shape.hidden ? 12 : 8;
    shape.hidden = 12, shape.intermediate = 10;
    shape.prefixes = shape.name[0] == 'l' ? 2 : 0;
    model = test::random_decoder(shape);
    backend = make_cpu_backend(model.spec, storage, {}, 1);
    const AbortFlag abort{false};
    backend->load(model.sources, {}, abort);
    for (size_t i = 0; i < model.spec.parameters.size(); ++i) {
      const auto bytes = backend->bytes(static_cast<int>(i));
      weights.emplace_back(bytes.begin(), bytes.end());
    }
  }
  void restore() {
    for (size_t i = 0; i < weights.size(); ++i) backend->write(static_cast<int>(i), weights[i]);
  }
};

Loaded& loaded(size_t shape, StorageType storage) {
  static const std::vector<test::DecoderShape> shapes = test::decoder_shapes();
  static std::vector<std::unique_ptr<Loaded>> all(2 * shapes.size());
  const size_t which = shape % shapes.size();
  std::unique_ptr<Loaded>& found = all[2 * which + static_cast<size_t>(storage)];
  if (!found) found = std::make_unique<Loaded>(shapes[which], storage);
  return *found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const auto shape = static_cast<size_t>(input.number(0, 255));
  Loaded& at = loaded(shape, static_cast<StorageType>(input.number(0, 1)));
  Backend& backend = *at.backend;
  Directions directions{input.value<uint16_t>(), static_cast<Law>(input.number(0, 3)),
                        input.number(1, 4), static_cast<uint64_t>(input.number(1, 3)),
                        input.number(0, 1) == 1};
  Update update{input.value<float>(), {}};
  update.rule = static_cast<Rule>(input.number(0, 3));
  update.rate = input.value<float>(), update.epsilon = input.value<float>();
  update.beta1 = 0.9f, update.beta2 = 0.99f;
  for (int32_t terms = input.number(0, 3); terms > 0; --terms)
    update.terms.push_back({input.value<uint64_t>() >> 1, input.value<float>()});
  for (int32_t changed = input.number(0, 3); changed > 0; --changed) {
    const int parameter = static_cast<int>(input.value<uint8_t>() % at.weights.size());
    std::vector<std::byte> bytes = at.weights[static_cast<size_t>(parameter)];
    for (std::byte& each : bytes) {
      if (input.rest().empty()) break;
      each = input.value<std::byte>();
    }
    backend.write(parameter, bytes);
  }
  const Batch batch = fuzz::batch_of(input);
  const AbortFlag abort{false};
  const std::vector<Point> points = {{}, update.terms};
  try {
    check_directions(directions, at.model.spec);
    check_batch(batch, at.model.spec);
    std::vector<double> losses(points.size() * static_cast<size_t>(batch.sequences()));
    backend.sequence_losses(directions, batch, points, losses.data(), abort);
    backend.apply(directions, update, abort);
    fuzz::expect(backend.logits(directions, batch, points[1], abort).size() == batch.scored.size());
  } catch (const Error&) {
  }
  at.restore();
  return 0;
}
