/**
 * How a family of checkpoints names its tensors, where that differs. Shared by all: embeddings.* and encoder.layer.N.*
 * after the prefix, post-norm layers, erf GELU in RoBERTa's language-model head and the configured activation in BERT's
 * (transformers, modeling_bert.py and modeling_roberta.py).
 */
export interface Family {
  /** Before the names of the encoder; checkpoints of a bare encoder leave it out. */
  prefix: string;
  /** Before ForMaskedLM and ForSequenceClassification. */
  architecture: string;
  /** transformers' default of pad_token_id. */
  paddingId: number;
  /** Positions begin one after the padding id, not at 0. */
  positionsFollowPadding: boolean;
  languageModel: {
    dense: string;
    norm: string;
    /** The output's bias; `decoder` + .bias is another name of it. */
    bias: string;
    /** The output's own weight and bias, where they are not tied. */
    decoder: string;
    /** Whether `dense` is followed by the configured activation; else by erf GELU. */
    configuredActivation: boolean;
  };
  /** First token → dense → tanh → output. */
  classifier: { dense: string; output: string };
}

const bert: Family = {
  prefix: 'bert.',
  architecture: 'Bert',
  paddingId: 0,
  positionsFollowPadding: false,
  languageModel: {
    dense: 'cls.predictions.transform.dense',
    norm: 'cls.predictions.transform.LayerNorm',
    bias: 'cls.predictions.bias',
    decoder: 'cls.predictions.decoder',
    configuredActivation: true,
  },
  classifier: { dense: 'bert.pooler.dense', output: 'classifier' },
};

const roberta: Family = {
  prefix: 'roberta.',
  architecture: 'Roberta',
  paddingId: 1,
  positionsFollowPadding: true,
  languageModel: {
    dense: 'lm_head.dense',
    norm: 'lm_head.layer_norm',
    bias: 'lm_head.bias',
    decoder: 'lm_head.decoder',
    configuredActivation: false,
  },
  classifier: { dense: 'classifier.dense', output: 'classifier.out_proj' },
};

/** By model_type of config.json. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  bert,
  roberta,
  'xlm-roberta': { ...roberta, architecture: 'XLMRoberta' },
  camembert: { ...roberta, architecture: 'Camembert' },
};
