"""The names of MindSpore 1.7's `nn` API: what cellc has or is going to have."""

API = frozenset(
    """
    ASGD Accuracy AdaSumByDeltaWeightWrapCell AdaSumByGradWrapCell Adagrad Adam AdamOffload AdamWeightDecay
    AvgPool1d AvgPool2d BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d BatchNorm3d BleuScore CELU Cell
    CellList CentralCrop ClipByNorm ConfusionMatrix ConfusionMatrixMetric Conv1d Conv1dTranspose Conv2d
    Conv2dTranspose Conv3d Conv3dTranspose CosineDecayLR CosineEmbeddingLoss CosineSimilarity Dense Dice
    DiceLoss DistributedGradReducer Dropout DynamicLossScaleUpdateCell ELU Embedding EmbeddingLookup
    ExponentialDecayLR F1 FTRL FastGelu Fbeta FixedLossScaleUpdateCell Flatten FocalLoss ForwardValueAndGrad
    GELU GRU GRUCell GetNextSingleOp GlobalBatchNorm GraphCell GroupNorm HShrink HSigmoid HSwish
    HausdorffDistance ImageGradients InstanceNorm2d InverseDecayLR Jvp L1Loss L1Regularizer LARS LSTM LSTMCell
    Lamb LayerNorm LazyAdam LeakyReLU LogSigmoid LogSoftmax Loss LossBase MAE MSE MSELoss MSSSIM MatMul
    MatrixDiag MatrixDiagPart MatrixSetDiag MaxPool1d MaxPool2d MeanSurfaceDistance Metric MicroBatchInterleaved
    Moments Momentum MultiClassDiceLoss MultiFieldEmbeddingLookup NaturalExpDecayLR Norm OcclusionSensitivity
    OneHot Optimizer PReLU PSNR Pad ParameterUpdate Perplexity PipelineCell PolynomialDecayLR Precision
    ProximalAdagrad RMSELoss RMSProp RNN RNNCell ROC Range ReLU ReLU6 Recall ReduceLogSumExp ResizeBilinear Roll
    RootMeanSquareDistance Rprop SGD SSIM SampledSoftmaxLoss SequentialCell Sigmoid SmoothL1Loss SoftMarginLoss
    SoftShrink Softmax SoftmaxCrossEntropyWithLogits SparseTensorDenseMatmul SparseToDense SyncBatchNorm Tanh
    TimeDistributed Top1CategoricalAccuracy Top5CategoricalAccuracy TopKCategoricalAccuracy TrainOneStepCell
    TrainOneStepWithLossScaleCell Tril Triu Unfold Vjp WarmUpLR WithEvalCell WithGradCell WithLossCell auc
    cosine_decay_lr exponential_decay_lr get_activation get_metric_fn inverse_decay_lr names
    natural_exp_decay_lr piecewise_constant_lr polynomial_decay_lr rearrange_inputs thor warmup_lr
    """.split()
)
