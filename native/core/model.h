// The description of a transformer and of its parameters. A family (lib/model/families.ts) is a
// table that fills it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zest {

enum class StorageType { float32, bfloat16 };
enum class FileType { float32, float16, bfloat16 };
enum class Activation { gelu_erf, gelu_tanh, gelu_quick, relu, silu, tanh };
// What is read from the last hidden states.
enum class Head {
  // dense, activation, norm, then the decoder (tied to the word embeddings or its own) and bias
  masked_lm,
  // first token: dense, tanh, then the classifier
  pooled_classifier,
};

// A tensor of the model in canonical order (names sorted by their UTF-8 bytes, aliases removed). A
// vector is one row.
struct ParameterSpec {
  std::string name;
  int64_t rows = 1;
  int64_t columns = 0;
  bool matrix = false;  // two dimensions in the checkpoint: low-rank directions apply
  bool trainable = false;
  bool decays = false;  // weight decay applies (neither a bias nor of a norm)
};

// Where a parameter's bytes are, or how a new one is initialised (file empty).
struct ParameterSource {
  std::string file;
  int64_t offset = 0;  // bytes
  FileType type = FileType::float32;
  float initial_scale = 0;  // file empty: initial_scale * Gaussian(initial_seed, stream 0) at the
                            // parameter's addresses; 0 gives zeros
  uint64_t initial_seed = 0;
  float initial_offset = 0;  // added to it (1 for a norm's weight)
};

// Indexes into the parameters; -1: the model has none.
struct LinearRoles {
  int weight = -1;
  int bias = -1;
  int adapter_a = -1;  // LoRA: rank x in, and out x rank; both or neither
  int adapter_b = -1;
};
struct NormRoles {
  int weight = -1;
  int bias = -1;
};
struct LayerRoles {
  LinearRoles query, key, value, attention_output, intermediate, output;
  NormRoles attention_norm, output_norm;
  int prefix_key = -1,
      prefix_value = -1;  // trained keys and values before each sequence's own: tokens x hidden
};
struct ModelRoles {
  int word_embeddings = -1, position_embeddings = -1, segment_embeddings = -1;
  NormRoles embedding_norm;
  std::vector<LayerRoles> layers;
  LinearRoles head_dense;
  NormRoles head_norm;      // masked_lm only
  LinearRoles head_output;  // decoder or classifier
};

struct ModelSpec {
  int32_t hidden = 0, heads = 0, intermediate = 0;
  int32_t vocabulary = 0, positions = 0, segments = 0;
  int32_t position_offset = 0;  // id of the first token's position (RoBERTa: padding id + 1)
  int32_t padding_id = -1;      // an id that may not occur inside a sequence; -1: none
  int32_t outputs = 0;          // rows of head_output: vocabulary or classes
  float norm_epsilon = 0;
  float adapter_scale = 1;  // of LoRA's product: alpha / rank
  Activation activation = Activation::gelu_erf;
  Activation head_activation = Activation::gelu_erf;
  Head head = Head::masked_lm;
  std::vector<ParameterSpec> parameters;  // canonical order
  ModelRoles roles;
};

// Each shortcut of "Forward evaluation" in the design; the bits are the same with any of them off.
struct Shortcuts {
  bool pack_sequences = true;           // off: one sequence at a time
  bool labelled_positions_only = true;  // off: the head at every position
  bool scored_words_only = true;        // off: every output of the head
  bool last_layer_at_labels = true;     // off: the last layer's queries and MLP at every position
  bool gather_embeddings = true;        // off: the whole embedding table is perturbed
  bool share_noise = true;              // off: + and - generate their noise separately
  bool fuse_perturbation = true;  // off: the perturbed matrix is made in scratch, then multiplied
};

}  // namespace zest
