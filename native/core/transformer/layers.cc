#include "core/transformer/layers.h"

namespace zest {
namespace {

// One forward: where the hidden states are, and whether all or the scored tokens' alone.
class Walk {
 public:
  Walk(Operations& operations, const ModelSpec& spec, const Shortcuts& shortcuts)
      : operations_(operations), spec_(spec), shortcuts_(shortcuts) {}

  void run(Ending ending) {
    const ModelRoles& roles = spec_.roles;
    operations_.embed();
    for (const LayerRoles& layer : roles.layers) {
      // Of the last layer the loss reads the scored tokens alone; they attend to all.
      const bool last = &layer == &roles.layers.back() && shortcuts_.last_layer_at_labels;
      if (spec_.norm_first) {
        norm_first(layer, last);
      } else {
        norm_last(layer, last);
      }
      x_ = State::hidden;
    }
    keep_scored();
    leave_layers();
    if (ending == Ending::hidden) {
      operations_.end(x_, tokens_);
    } else {
      head();
    }
  }

 private:
  void keep_scored() {
    if (tokens_ == Tokens::scored || !shortcuts_.labelled_positions_only) return;
    operations_.gather();
    x_ = State::gathered;
    tokens_ = Tokens::scored;
  }

  void norm_last(const LayerRoles& layer, bool last) {
    if (last) keep_scored();
    operations_.attend(layer, x_, State::hidden, tokens_);
    operations_.add(layer.attention_output, State::context, x_, layer.attention_norm, State::normed,
                    tokens_);
    mlp(layer);
    operations_.add(layer.output, State::inner, State::normed, layer.output_norm, State::hidden,
                    tokens_);
  }

  void norm_first(const LayerRoles& layer, bool last) {
    operations_.normalize(layer.attention_norm, x_, State::normed, tokens_);
    State from = State::normed;
    if (last) keep_scored();
    if (x_ == State::gathered) {
      operations_.normalize(layer.attention_norm, x_, State::queries, tokens_);
      from = State::queries;
    }
    operations_.attend(layer, from, State::normed, tokens_);
    const auto add_attention = [&] {
      operations_.add(layer.attention_output, State::context, x_, {}, State::hidden, tokens_);
      x_ = State::hidden;
    };
    if (!spec_.parallel) add_attention();
    operations_.normalize(layer.output_norm, x_, State::normed, tokens_);
    mlp(layer);
    if (spec_.parallel) add_attention();
    operations_.add(layer.output, State::inner, State::hidden, {}, State::hidden, tokens_);
  }

  // inner = what the MLP has of `normed` before its output.
  void mlp(const LayerRoles& layer) {
    if (layer.gate.weight >= 0) {
      operations_.gate(layer.gate, layer.intermediate, State::normed, spec_.activation,
                       State::inner, tokens_);
    } else {
      operations_.activate(layer.intermediate, State::normed, spec_.activation, {}, State::inner,
                           tokens_);
    }
  }

  void leave_layers() {
    const ModelRoles& roles = spec_.roles;
    if (roles.final_norm.weight >= 0) {
      operations_.normalize(roles.final_norm, x_, State::normed, tokens_);
      x_ = State::normed;
    }
    if (roles.output_projection.weight >= 0) {
      operations_.project(roles.output_projection, x_, State::projected, tokens_);
      x_ = State::projected;
    }
  }

  void head() {
    const ModelRoles& roles = spec_.roles;
    if (roles.head_dense.weight >= 0) {
      const bool narrow = spec_.outputs_of(roles.head_dense) != spec_.hidden;
      const State to = narrow ? State::projected : State::normed;
      operations_.activate(roles.head_dense, x_, spec_.head_activation, roles.head_norm, to,
                           tokens_);
      x_ = to;
    }
    operations_.score(roles.head_output, x_, tokens_);
  }

  Operations& operations_;
  const ModelSpec& spec_;
  const Shortcuts& shortcuts_;
  State x_ = State::hidden;
  Tokens tokens_ = Tokens::all;
};

}  // namespace

int64_t width(State state, const ModelSpec& spec) {
  switch (state) {
    case State::context:
      return spec.query_width();
    case State::inner:
      return spec.intermediate;
    case State::projected:
      return spec.embedding;
    default:
      return spec.hidden;
  }
}

void run_layers(Operations& operations, const ModelSpec& spec, const Shortcuts& shortcuts,
                Ending ending) {
  Walk(operations, spec, shortcuts).run(ending);
}

}  // namespace zest
