#include "cpu/backend.h"

#include <algorithm>
#include <compare>
#include <memory>
#include <utility>
#include <vector>

#include "core/floating_point.h"
#include "core/mean_pooling.h"
#include "core/rule.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"
#include "cpu/perturbation.h"
#include "cpu/session.h"
#include "cpu/thread_pool.h"
#include "cpu/weights.h"

namespace zest {
namespace cpu {
namespace {

bool same_streams(const Point& a, const Point& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Term& x, const Term& y) { return x.stream == y.stream; });
}

// Updates of one pass over the weights: their coefficients are in memory together.
constexpr size_t updates_at_once = 16;

// The rows that a thread moves at once: from `row` on.
struct RowBlock {
  int parameter;
  int64_t row;
  auto operator<=>(const RowBlock&) const = default;
};

std::vector<RowBlock> trainable_blocks(const ModelSpec& spec) {
  std::vector<RowBlock> blocks;
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    const ParameterSpec& p = spec.parameters[i];
    for (int64_t row = 0; p.trainable && row < p.rows; row += rows_at_once)
      blocks.push_back({static_cast<int>(i), row});
  }
  return blocks;
}

class CpuBackend : public Backend {
 public:
  CpuBackend(const ModelSpec& spec, StorageType storage, const Shortcuts& shortcuts, int threads)
      : weights_(spec, storage),
        trainable_(trainable_blocks(spec)),
        shortcuts_(shortcuts),
        pool_(threads),
        perturbation_(weights_, pool_),
        forward_(weights_, shortcuts, pool_) {}

  const ModelSpec& spec() const override { return weights_.spec(); }
  StorageType storage() const override { return weights_.type(); }
  std::span<const std::byte> bytes(int parameter) const override {
    return weights_.bytes(parameter);
  }

  void write(int parameter, std::span<const std::byte> stored) override {
    weights_.write(parameter, stored);
  }

  void load(std::span<const ParameterSource> sources,
            const std::function<void(int64_t, int64_t)>& progress,
            const AbortFlag& abort) override {
    const DefaultFloatingPoint environment;
    weights_.load(sources, progress, abort);
  }

  void sequence_losses(const Directions& directions, const Batch& batch,
                       std::span<const Point> points, double* losses,
                       const AbortFlag& abort) override {
    for_each_group(directions, batch, points, abort,
                   [&](size_t point, int p, const Batch& part, int32_t first) {
                     double* out = losses + point * static_cast<size_t>(batch.sequences()) + first;
                     std::fill(out, out + part.sequences(), 0.0);
                     std::vector<int32_t> counts(static_cast<size_t>(part.sequences()));
                     for (size_t i = 0; i < part.scored.size(); ++i) {
                       const int32_t s = part.scored[i].sequence;
                       out[s] += forward_.loss(p, i);
                       ++counts[static_cast<size_t>(s)];
                     }
                     for (int32_t s = 0; s < part.sequences(); ++s) {
                       const int32_t count = counts[static_cast<size_t>(s)];
                       if (count > 0) out[s] /= count;  // a prompt's own loss is not asked for
                     }
                   });
  }

  std::vector<std::vector<float>> logits(const Directions& directions, const Batch& batch,
                                         const Point& point, const AbortFlag& abort) override {
    std::vector<std::vector<float>> rows;
    for_each_group(directions, batch, {&point, 1}, abort,
                   [&](size_t, int p, const Batch& part, int32_t) {
                     for (size_t i = 0; i < part.scored.size(); ++i) {
                       const ScoredPosition& at = part.scored[i];
                       const int32_t count = at.candidates_begin == at.candidates_end
                                                 ? spec().outputs
                                                 : at.candidates_end - at.candidates_begin;
                       std::vector<float>& row = rows.emplace_back();
                       for (int32_t c = 0; c < count; ++c) row.push_back(forward_.logit(p, i, c));
                     }
                   });
    return rows;
  }

  std::vector<std::vector<float>> embeddings(const Directions& directions, const Batch& batch,
                                             const Point& point, const AbortFlag& abort) override {
    std::vector<std::vector<float>> means;
    for_each_group(
        directions, batch, {&point, 1}, abort,
        [&](size_t, int p, const Batch& part, int32_t) {
          append_means(
              part, [&](size_t i) { return forward_.hidden(p, i); }, means);
        },
        Ending::hidden);
    return means;
  }

  std::unique_ptr<Session> session(const Directions& directions, const Point& point,
                                   std::span<const int32_t> capacities,
                                   const AbortFlag& abort) override {
    return make_session(weights_, pool_, directions, point, capacities, abort);
  }

  void apply(const Directions& directions, const Update& update, const AbortFlag& abort) override {
    const DefaultFloatingPoint environment;
    const CoreShare share;
    check_abort(abort);
    check_rule(update);
    Perturbation* const one = &perturbation_;
    pass(directions, {&update, 1}, {&one, 1}, abort);
  }

  void apply_all(const Directions& directions, std::span<const Update> updates,
                 const AbortFlag& abort, size_t& done) override {
    const DefaultFloatingPoint environment;
    const CoreShare share;
    done = 0;
    for (const Update& update : updates) check_rule(update);
    check_abort(abort);
    const AbortFlag never{false};
    while (done < updates.size()) {
      const Update& first = updates[done];
      Perturbation* perturbations[updates_at_once];
      size_t count = 0;
      // State is made of the weights that an update meets, so one that makes some begins a pass.
      for (; count < updates_at_once && done + count < updates.size(); ++count) {
        if (count > 0 && lacks_state(updates[done + count], first)) break;
        if (count == several_.size())
          several_.push_back(std::make_unique<Perturbation>(weights_, pool_));
        perturbations[count] = several_[count].get();
      }
      pass(directions, updates.subspan(done, count), {perturbations, count},
           done == 0 ? abort : never);
      done += count;
    }
  }

  bool has_state(RuleState state) const override { return !states_[index_of(state)].empty(); }

  void read_state(RuleState state, int parameter, float* out) override {
    const size_t count = elements(parameter);
    const float* from = state_of(state, parameter);
    std::copy(from, from + count, out);
  }

  void write_state(RuleState state, int parameter, std::span<const float> values) override {
    const DefaultFloatingPoint environment;
    if (!has_state(state)) states_[index_of(state)] = new_state(state);
    std::copy(values.begin(), values.end(), state_of(state, parameter));
  }

  void read(int parameter, float* out) override {
    const Matrix& m = weights_.matrix(parameter);
    for_rows(m.rows, [&](int64_t first, int64_t count) {
      float* to = out + first * m.columns;
      kernels().perturb(m, Noise{}, {nullptr, first, count}, &to, m.columns);
    });
  }

  void direction(const Directions& directions, uint64_t stream, int parameter,
                 float* out) override {
    const DefaultFloatingPoint environment;
    const CoreShare share;
    const Matrix& m = weights_.matrix(parameter);
    perturbation_.set(directions, std::initializer_list<Point>{{{stream, 1.0f}}},
                      {parameter, parameter + 1});
    const Noise noise = perturbation_.of(parameter);
    if (noise.count == 0) {
      std::fill(out, out + m.rows * m.columns, 0.0f);
      return;
    }
    for_rows(m.rows, [&](int64_t first, int64_t count) {
      kernels().direction(m, noise, {nullptr, first, count}, out + first * m.columns);
    });
  }

 private:
  static size_t index_of(RuleState state) { return static_cast<size_t>(state); }

  size_t elements(int parameter) const {
    const ParameterSpec& p = spec().parameters[static_cast<size_t>(parameter)];
    return static_cast<size_t>(p.rows * p.columns);
  }

  // Null where there is none.
  float* state_of(RuleState state, int parameter) {
    std::vector<Buffer<float>>& of = states_[index_of(state)];
    return of.empty() ? nullptr : of[static_cast<size_t>(parameter)].data();
  }

  // Of each trainable parameter: 0, the anchor theta.
  std::vector<Buffer<float>> new_state(RuleState state) {
    const size_t count = spec().parameters.size();
    std::vector<Buffer<float>> made(count);
    for (size_t i = 0; i < count; ++i) {
      const int parameter = static_cast<int>(i);
      if (!spec().parameters[i].trainable) continue;
      float* values = made[i].reserve(elements(parameter));
      if (state == RuleState::anchor) {
        read(parameter, values);
      } else {
        std::fill_n(values, elements(parameter), 0.0f);
      }
    }
    return made;
  }

  StateOf states_of(const Update& update, int parameter) {
    const auto one = [&](RuleState state) {
      return update.uses(state) ? state_of(state, parameter) : nullptr;
    };
    return {one(first_state_of(update.rule)), one(RuleState::second_moment),
            one(RuleState::anchor)};
  }

  // Beside what is made for an update before it.
  bool lacks_state(const Update& update, const Update& before) const {
    for (int s = 0; s < state_count; ++s) {
      const auto state = static_cast<RuleState>(s);
      if (update.uses(state) && !before.uses(state) && !has_state(state)) return true;
    }
    return false;
  }

  // All that the update lacks, or nothing. The update must follow: an anchor is the weights as they
  // are now.
  void make_states(const Update& update) {
    std::vector<Buffer<float>> made[state_count];
    for (int s = 0; s < state_count; ++s) {
      const auto state = static_cast<RuleState>(s);
      if (update.uses(state) && !has_state(state)) made[s] = new_state(state);
    }
    for (int s = 0; s < state_count; ++s)
      if (!made[s].empty()) states_[s] = std::move(made[s]);
  }

  // Updates with a perturbation each, of which the first alone may lack state. An abort is looked
  // at until weights move, and all memory had by then.
  void pass(const Directions& directions, std::span<const Update> updates,
            std::span<Perturbation* const> perturbations, const AbortFlag& abort) {
    size_t terms = 0;
    for (const Update& update : updates) terms += update.terms.size();
    bool moves = false;
    for (const Stretch& stretch : stretches(spec(), directions, terms)) {
      for (size_t u = 0; u < updates.size(); ++u) {
        perturbations[u]->set(directions, {&updates[u].terms, 1}, stretch);
      }
      if (!std::exchange(moves, true)) {
        check_abort(abort);
        make_states(updates[0]);
      }
      move(updates, perturbations, stretch);
    }
  }

  // All updates of some rows before the next rows, so that memory is passed over once.
  void move(std::span<const Update> updates, std::span<Perturbation* const> perturbations,
            const Stretch& stretch) {
    const auto first = std::lower_bound(trainable_.begin(), trainable_.end(),
                                        RowBlock{stretch.parameter, stretch.row});
    const auto last =
        std::lower_bound(first, trainable_.end(), RowBlock{stretch.end - 1, stretch.end_row});
    pool_.run(last - first, [&](int64_t item, int) {
      const RowBlock& part = first[item];
      const ParameterSpec& p = spec().parameters[static_cast<size_t>(part.parameter)];
      for (size_t u = 0; u < updates.size(); ++u) {
        const Update& update = updates[u];
        Step step = step_of(update);
        if (!p.decays) step.decay = 0;
        kernels().apply(weights_.matrix(part.parameter), perturbations[u]->of(part.parameter),
                        {nullptr, part.row, std::min(rows_at_once, p.rows - part.row)}, step,
                        states_of(update, part.parameter), rounding_stream_of(update));
      }
    });
  }

  // Calls body(first, count) for blocks of the rows, in any order.
  template <class Body>
  void for_rows(int64_t rows, Body body) {
    pool_.run(parts(rows, rows_at_once), [&](int64_t item, int) {
      const int64_t first = item * rows_at_once;
      body(first, std::min(rows_at_once, rows - first));
    });
  }

  // Runs the forward for groups of points that share their noise and for parts of the batch;
  // `use(point, p, part, first)` reads the result of point `point` as the group's p-th, for the
  // part that starts at sequence `first`.
  template <class Use>
  void for_each_group(const Directions& directions, const Batch& given,
                      std::span<const Point> points, const AbortFlag& abort, Use use,
                      Ending ending = Ending::scores) {
    const DefaultFloatingPoint environment;
    const bool flat = !shortcuts_.share_prompts && !given.parents.empty();
    const Batch alone = flat ? without_parents(given) : Batch{};
    const Batch& batch = flat ? alone : given;
    for (size_t point = 0; point < points.size();) {
      const bool pair = shortcuts_.share_noise && point + 1 < points.size() &&
                        same_streams(points[point], points[point + 1]);
      const size_t count = pair ? 2 : 1;
      const CoreShare share;
      check_abort(abort);
      perturbation_.set(directions, points.subspan(point, count));
      forward_.begin(perturbation_, static_cast<int>(count), abort);
      for (int32_t first = 0; first < batch.sequences();) {
        const int32_t last = last_packed(batch, first);
        const Batch part = slice(batch, first, last);
        forward_.run(part, nullptr, ending);
        for (size_t p = 0; p < count; ++p) use(point + p, static_cast<int>(p), part, first);
        first = last;
      }
      point += count;
    }
  }

  // The end of the sequences from `first` on that are packed together; children go with their
  // parent.
  int32_t last_packed(const Batch& batch, int32_t first) const {
    int32_t last = batch.family_end(first);
    while (shortcuts_.pack_sequences && last < batch.sequences()) {
      const int32_t next = batch.family_end(last);
      if (batch.starts[static_cast<size_t>(next)] - batch.starts[static_cast<size_t>(first)] >
          most_packed_tokens) {
        break;
      }
      last = next;
    }
    return last;
  }

  Weights weights_;
  const std::vector<RowBlock> trainable_;
  const Shortcuts shortcuts_;
  ThreadPool pool_;
  Perturbation perturbation_;
  std::vector<std::unique_ptr<Perturbation>> several_;  // of the updates of one pass
  Forward forward_;
  std::vector<Buffer<float>> states_[state_count];  // by parameter; empty: not made
};

}  // namespace
}  // namespace cpu

std::unique_ptr<Backend> make_cpu_backend(const ModelSpec& spec, StorageType storage,
                                          const Shortcuts& shortcuts, int threads) {
  cpu::kernels();  // a wrong ZEST_ISA throws here, not in a thread of the pool
  return std::make_unique<cpu::CpuBackend>(spec, storage, shortcuts, threads);
}

}  // namespace zest
