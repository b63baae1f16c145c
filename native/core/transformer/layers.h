// The transformer, walked once: what is computed, in which order, over the operations of a backend.
#pragma once

#include "core/transformer/spec.h"

namespace zest {

// Activations that outlive an operation: one row a token, at every point of the pass.
enum class State {
  hidden,     // between layers
  gathered,   // hidden states of the scored tokens
  normed,     // what a layer's next part reads, or the head
  queries,    // the norm of `gathered`, where keys and values are those of all tokens
  context,    // of attention
  inner,      // within the MLP
  projected,  // at the width of the embeddings, before the head
};
constexpr int states = 7;

// Columns of a state.
int64_t width(State state, const ModelSpec& spec);

// Which rows of a state are computed.
enum class Tokens { all, scored };

// What a walk ends with: the scores of the head, or the hidden states that it would read.
enum class Ending { scores, hidden };

// What a backend computes, for one batch at all points of a pass. A norm or a bias that the model
// lacks (its role is -1) is left out.
class Operations {
 public:
  virtual ~Operations() = default;

  // hidden = norm(words + segments + positions), of all tokens, projected where widths differ.
  virtual void embed() = 0;
  // gathered = hidden, of the scored tokens.
  virtual void gather() = 0;
  // context = softmax(query(from) key(to)^T / sqrt(width)) value(to), head by head; `to` has all
  // tokens.
  virtual void attend(const LayerRoles& layer, State from, State to, Tokens tokens) = 0;
  // to = norm(linear(from) + residual); `to` may be `residual`, which is not read again: a backend
  // may add where it lies.
  virtual void add(const LinearRoles& linear, State from, State residual, const NormRoles& norm,
                   State to, Tokens tokens) = 0;
  // to = norm(from).
  virtual void normalize(const NormRoles& norm, State from, State to, Tokens tokens) = 0;
  // to = norm(activation(linear(from))).
  virtual void activate(const LinearRoles& linear, State from, Activation activation,
                        const NormRoles& norm, State to, Tokens tokens) = 0;
  // to = activation(gate(from)) * linear(from).
  virtual void gate(const LinearRoles& gate, const LinearRoles& linear, State from,
                    Activation activation, State to, Tokens tokens) = 0;
  // to = linear(from).
  virtual void project(const LinearRoles& linear, State from, State to, Tokens tokens) = 0;
  // Logits of the outputs that are scored, and what the caller of the pass wants of them.
  virtual void score(const LinearRoles& output, State from, Tokens tokens) = 0;
  // The hidden states that the head would read are those of `from`.
  virtual void end(State from, Tokens tokens) = 0;
};

// Calls the operations of a forward, as far as its end reads them.
void run_layers(Operations& operations, const ModelSpec& spec, const Shortcuts& shortcuts,
                Ending ending = Ending::scores);

}  // namespace zest
