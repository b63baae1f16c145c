// The description of a transformer and of its parameters. A family (lib/model/families) is a table
// that fills it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zest {

enum class StorageType { float32, bfloat16 };
enum class FileType { float32, float16, bfloat16 };
enum class Activation { gelu_erf, gelu_tanh, gelu_quick, relu, silu, tanh };
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
// Trained keys and values before each sequence's own: tokens x hidden.
struct PrefixRoles {
  int key = -1;
  int value = -1;
};
struct LayerRoles {
  LinearRoles query, key, value, attention_output, intermediate, output;
  NormRoles attention_norm, output_norm;
  PrefixRoles prefix;
};
struct ModelRoles {
  int word_embeddings = -1, position_embeddings = -1, segment_embeddings = -1;
  NormRoles embedding_norm;
  std::vector<LayerRoles> layers;
  // The head: dense, activation, a norm if there is one, then the decoder of a language model (tied
  // to the word embeddings or its own) or a classifier.
  LinearRoles head_dense;
  NormRoles head_norm;
  LinearRoles head_output;
};

struct ModelSpec {
  int32_t hidden = 0, heads = 0, intermediate = 0;
  // Ids are below them; one segment where the model has no embeddings of segments.
  int32_t vocabulary = 0, positions = 0, segments = 0;
  // Id of the first token's position (RoBERTa: padding id + 1).
  int32_t position_offset = 0;
  // An id that may not occur inside a sequence; -1: none.
  int32_t padding_id = -1;
  // Rows of head_output: vocabulary or classes.
  int32_t outputs = 0;
  float norm_epsilon = 0;
  // Of LoRA's product: alpha / rank.
  float adapter_scale = 1;
  Activation activation = Activation::gelu_erf;
  Activation head_activation = Activation::gelu_erf;
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
