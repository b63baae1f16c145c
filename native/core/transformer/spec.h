// The description of a transformer and of its parameters. A family (lib/model/families) is a table
// that fills it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/name.h"

namespace zest {

enum class StorageType { float32, bfloat16 };

template <>
struct Names<StorageType> {
  static constexpr const char* kind = "storage";
  static constexpr std::array table = {
      Name<StorageType>{StorageType::float32, "float32"},
      Name<StorageType>{StorageType::bfloat16, "bfloat16"},
  };
};

// As files have them; the quantised ones are llama.cpp's (core/blocks.h).
enum class FileType { float32, float16, bfloat16, q8_0, q4_0, q4_1, q4_k, q5_k, q6_k };

// As safetensors and GGUF call them.
template <>
struct Names<FileType> {
  static constexpr const char* kind = "fileType";
  static constexpr std::array table = {
      Name<FileType>{FileType::float32, "F32"},   Name<FileType>{FileType::float16, "F16"},
      Name<FileType>{FileType::bfloat16, "BF16"}, Name<FileType>{FileType::q8_0, "Q8_0"},
      Name<FileType>{FileType::q4_0, "Q4_0"},     Name<FileType>{FileType::q4_1, "Q4_1"},
      Name<FileType>{FileType::q4_k, "Q4_K"},     Name<FileType>{FileType::q5_k, "Q5_K"},
      Name<FileType>{FileType::q6_k, "Q6_K"},
  };
};

enum class Activation { gelu_erf, gelu_tanh, gelu_quick, relu, silu, tanh };
// Stands for none of them where an int is an activation.
constexpr int no_activation = -1;

template <>
struct Names<Activation> {
  static constexpr const char* kind = "activation";
  static constexpr std::array table = {
      Name<Activation>{Activation::gelu_erf, "geluErf"},
      Name<Activation>{Activation::gelu_tanh, "geluTanh"},
      Name<Activation>{Activation::gelu_quick, "geluQuick"},
      Name<Activation>{Activation::relu, "relu"},
      Name<Activation>{Activation::silu, "silu"},
      Name<Activation>{Activation::tanh, "tanh"},
  };
};

enum class Norm {
  layer,  // (x - mean) / sqrt(variance + epsilon) * weight + bias
  rms,    // x / sqrt(mean of x^2 + epsilon) * weight
};

template <>
struct Names<Norm> {
  static constexpr const char* kind = "norm";
  static constexpr std::array table = {
      Name<Norm>{Norm::layer, "layer"},
      Name<Norm>{Norm::rms, "rms"},
  };
};

// A tensor of the model in canonical order (names sorted by their UTF-8 bytes, aliases removed). A
// vector is one row.
struct ParameterSpec {
  std::string name;
  int64_t rows = 1;
  int64_t columns = 0;
  // Two dimensions in the checkpoint: low-rank directions apply.
  bool matrix = false;
  bool trainable = false;
  // Weight decay applies: neither a bias nor of a norm.
  bool decays = false;
  // Kept in memory as the file has it, where the device can: quantised and not trained.
  bool as_stored = false;
};

// Where a parameter's bytes are, or how a new one is initialised (file empty).
struct ParameterSource {
  std::string file;
  // In bytes.
  int64_t offset = 0;
  FileType type = FileType::float32;
  // Without a file: initial_offset + initial_scale * Gaussian(initial_seed, stream 0) at the
  // parameter's addresses.
  float initial_scale = 0;
  uint64_t initial_seed = 0;
  float initial_offset = 0;
  // Not 0: the file has the rows of so many heads in the order of pairs that turn together,
  // component i and i + half of a head one after the other (llama.cpp's order for Llama).
  int32_t interleaved_heads = 0;
};

// Which outputs of a weight a linear layer has, where several layers share one weight: output j is
// the weight's first + j / block * step + j % block. block 0: all of them, j itself.
struct OutputSlice {
  int64_t first = 0, count = 0, block = 0, step = 0;

  int64_t operator[](int64_t j) const { return block ? first + j / block * step + j % block : j; }
};

// Indexes into the parameters; -1: the model has none.
struct LinearRoles {
  int weight = -1;
  int bias = -1;
  int adapter_a = -1;  // LoRA: rank x in, and out x rank; both or neither
  int adapter_b = -1;
  // The weight is in x out, not out x in (GPT-2's Conv1D).
  bool transposed = false;
  OutputSlice outputs;
};
struct NormRoles {
  int weight = -1;
  int bias = -1;
};
// Trained keys and values before each sequence's own: tokens x key_width().
struct PrefixRoles {
  int key = -1;
  int value = -1;
};
struct LayerRoles {
  LinearRoles query, key, value, attention_output;
  // The MLP: output(activation(intermediate(x))), or with a gate
  // output(activation(gate(x)) * intermediate(x)) (Shazeer 2020).
  LinearRoles gate, intermediate, output;
  NormRoles attention_norm, output_norm;
  // Of each head, before its rotation (Qwen3).
  NormRoles query_norm, key_norm;
  PrefixRoles prefix;
};
struct ModelRoles {
  int word_embeddings = -1, position_embeddings = -1, segment_embeddings = -1;
  NormRoles embedding_norm;
  // From the width of the embeddings to hidden: of the words' alone where the positions' are as
  // wide as hidden (OPT), else of the normed sum (ELECTRA).
  LinearRoles embedding_projection;
  std::vector<LayerRoles> layers;
  NormRoles final_norm;
  // From hidden to the width of the embeddings, before the head.
  LinearRoles output_projection;
  // The head: dense, activation, a norm, as far as the model has them, then the decoder of a
  // language model (tied to the word embeddings or its own) or a classifier.
  LinearRoles head_dense;
  NormRoles head_norm;
  LinearRoles head_output;
};

struct ModelSpec {
  int32_t hidden = 0, heads = 0, intermediate = 0;
  // heads / key_value_heads queries share a head of keys and values (Ainslie et al. 2023).
  int32_t key_value_heads = 0, head_width = 0;
  // Width of the word embeddings: hidden, unless they are projected.
  int32_t embedding = 0;
  // Ids are below them; one segment where the model has no embeddings of segments. `positions` is
  // also the longest sequence, less position_offset, where positions have no embeddings.
  int32_t vocabulary = 0, positions = 0, segments = 0;
  // Id of the first token's position (RoBERTa: padding id + 1).
  int32_t position_offset = 0;
  // An id that may not occur inside a sequence; -1: none.
  int32_t padding_id = -1;
  // Rows of head_output: vocabulary or classes.
  int32_t outputs = 0;
  Norm norm = Norm::layer;
  float norm_epsilon = 0;
  // Norms come before attention and before the MLP, not after them and the residual.
  bool norm_first = false;
  // Attention and MLP read the same hidden states, and both are added (GPT-NeoX).
  bool parallel = false;
  // A token attends to itself and those before it; with a window to the last `window` of these.
  bool causal = false;
  int32_t window = 0;
  // Rotary positions (Su et al. 2021): component i of the first rotary_frequencies.size() of a head
  // and component i + rotary_frequencies.size() turn by position * frequency i. Empty: none.
  std::vector<float> rotary_frequencies;
  // What sines and cosines are multiplied with.
  float rotary_scale = 1;
  // Of LoRA's product: alpha / rank.
  float adapter_scale = 1;
  Activation activation = Activation::gelu_erf;
  Activation head_activation = Activation::gelu_erf;
  std::vector<ParameterSpec> parameters;  // canonical order
  ModelRoles roles;

  // Widths of all heads' queries, and of all heads' keys or values.
  int32_t query_width() const { return heads * head_width; }
  int32_t key_width() const { return key_value_heads * head_width; }
  // Inputs and outputs of a linear layer.
  int64_t inputs(const LinearRoles& linear) const {
    const ParameterSpec& w = parameters[static_cast<size_t>(linear.weight)];
    return linear.transposed ? w.rows : w.columns;
  }
  int64_t outputs_of(const LinearRoles& linear) const {
    const ParameterSpec& w = parameters[static_cast<size_t>(linear.weight)];
    return linear.outputs.block ? linear.outputs.count : linear.transposed ? w.columns : w.rows;
  }
};

// What a forward leaves out because no loss reads it, or shares; the bits are the same with any of
// them off.
struct Shortcuts {
  bool pack_sequences = true;           // off: one sequence at a time
  bool labelled_positions_only = true;  // off: the head at every position
  bool scored_words_only = true;        // off: every output of the head
  bool last_layer_at_labels = true;     // off: the last layer's queries and MLP at every position
  bool gather_embeddings = true;        // off: the whole embedding table is perturbed
  bool share_noise = true;              // off: + and - generate their noise separately
  bool fuse_perturbation = true;  // off: the perturbed matrix is made in scratch, then multiplied
  bool share_prompts = true;      // off: a prompt is computed again for each of its options
};

}  // namespace zest
