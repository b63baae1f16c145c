#include "core/transformer/layers.h"

namespace zest {

void run_layers(Operations& operations, const ModelSpec& spec, const Shortcuts& shortcuts) {
  const ModelRoles& roles = spec.roles;
  State x = State::hidden;
  Tokens tokens = Tokens::all;
  const auto keep_scored = [&] {
    if (tokens == Tokens::scored || !shortcuts.labelled_positions_only) return;
    operations.gather();
    x = State::gathered;
    tokens = Tokens::scored;
  };

  operations.embed();
  for (const LayerRoles& layer : roles.layers) {
    // Of the last layer the loss reads the scored tokens alone; they attend to all.
    if (&layer == &roles.layers.back() && shortcuts.last_layer_at_labels) keep_scored();
    operations.attend(layer, x, State::hidden, tokens);
    operations.add(layer.attention_output, State::context, x, layer.attention_norm, State::normed,
                   tokens);
    operations.activate(layer.intermediate, State::normed, spec.activation, {}, State::inner,
                        tokens);
    operations.add(layer.output, State::inner, State::normed, layer.output_norm, State::hidden,
                   tokens);
    x = State::hidden;
  }
  keep_scored();
  operations.activate(roles.head_dense, x, spec.head_activation, roles.head_norm, State::normed,
                      tokens);
  operations.score(roles.head_output, State::normed, tokens);
}

}  // namespace zest
