namespace Diffract.Heads;

/// <summary>Names a map among a batch's features.</summary>
/// <param name="T">Step of the noise, from 0.</param> <param name="Block">Number of the U-Net's block, from 1.</param>
public readonly record struct FeatureKey(int T, int Block);
