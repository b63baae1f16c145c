// Token sequences of any numbers: those that pass the check are cut and scored.
#include <cmath>

#include "core/evaluate.h"
#include "fuzz/batch_of.h"
#include "fuzz/memory_backend.h"

using namespace zest;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  ModelSpec spec;
  spec.causal = input.number(0, 1) == 1;
  spec.vocabulary = spec.outputs = 100;
  spec.positions = input.number(1, 40), spec.position_offset = input.number(0, 2);
  spec.segments = input.number(1, 2);
  const int micro_batch = input.number(0, 3);
  const Batch batch = fuzz::batch_of(input);
  try {
    check_batch(batch, spec);
  } catch (const Error&) {
    return 0;
  }

  // What has prompts in common fits without them, too.
  const Batch flat = without_parents(batch);
  for (int32_t s = 0; s < flat.sequences(); ++s)
    fuzz::expect(flat.length(s) <= spec.positions - spec.position_offset);
  for (const ScoredPosition& at : flat.scored)
    fuzz::expect(at.position >= 0 && at.position < flat.length(at.sequence));
  fuzz::MemoryBackend backend(spec, StorageType::float32);
  backend.told = input.values<double>();
  const AbortFlag abort{false};
  const std::vector<Point> points = {{}, {{1, 1e-3f}}};
  const auto examples =
      batch.examples.empty() ? static_cast<size_t>(batch.sequences()) : batch.examples.size();
  fuzz::expect(example_losses(backend, {}, batch, points, micro_batch, abort).size() ==
               points.size() * examples);
  logits(backend, {}, batch, points[1], abort);
  try {
    for (const double loss : evaluate(backend, {}, flat, points, micro_batch, abort))
      fuzz::expect(std::isfinite(loss));
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
