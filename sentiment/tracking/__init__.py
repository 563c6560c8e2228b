"""Log runs to MLflow and read them back; register models; start MLflow's servers.

Every run has the same names:
- parameters: `recipe` and every setting;
- a description, and tags for people: `model`, the folder of its bundle; `command`, which repeats
  it; `recipe`, `dataset`, `readout`, `cell`, `units`, `seed`, `best_epoch`; `test_accuracy`, with
  its interval; `host`; `versions`; and, if there is one, `failure` and `diagnosis`. Those that
  MLflow's pages hide are in tags.py;
- metrics: `train/…`, `validation/…` and `system/…` of each epoch, and `test/…` of an evaluation;
- one logged model per epoch, called RUN-epoch-N, with the validation metrics of that epoch;
- `hidden_states/epoch_NN.npz` (see `snapshots.Snapshot.arrays`) and the images `hidden_states`,
  `projection` and `sentences` of each epoch; the table `hidden_states/probes.json` and
  `report.html` at the end;
- `evaluation/NAME_predictions.npz`, an evaluation on the reviews NAME: `probabilities`, float32
  (N,), and `labels`, int8 (N,); the table `evaluation/NAME_mistakes.json`; and charts, each a
  table `evaluation/NAME_CHART.csv` and a picture `evaluation/NAME_CHART.png`;
- `comparison.html`, after an evaluation on test reviews in a store of this machine;
- a saved view of the experiment, see saved_view.py.
"""
