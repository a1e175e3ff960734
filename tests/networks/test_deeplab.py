"""DeepLab: shapes, the sum of ASPP, and the scales of the multi-scale loss."""

import pytest
import torch

from bes.networks.deeplab import (
    ASPP_RATES,
    Aspp,
    MultiScale,
    build_deeplab,
    probability_of_scales,
)


def settings(head: str, backbone: str, output_stride: int = 8) -> dict:
    return {"head": head, "backbone": backbone, "output_stride": output_stride, "n_labels": 5}


@pytest.mark.parametrize(
    ("head", "backbone"),
    [("aspp", "resnet18"), ("aspp", "mobilenet_v2"), ("largefov", "vgg16")],
)
@pytest.mark.parametrize("output_stride", [8, 16])
def test_logits_come_at_the_output_stride(head: str, backbone: str, output_stride: int) -> None:
    network = build_deeplab(settings(head, backbone, output_stride), "none").eval()
    with torch.inference_mode():
        logits = network(torch.zeros(1, 3, 64, 96))
    assert logits.shape == (1, 5, 64 // output_stride, 96 // output_stride)


def test_aspp_is_the_sum_of_its_branches() -> None:
    aspp, features = Aspp(7, 3), torch.randn(2, 7, 30, 20)
    assert [branch.dilation[0] for branch in aspp.branches] == list(ASPP_RATES)
    expected = sum(branch(features) for branch in aspp.branches)
    torch.testing.assert_close(aspp(features), expected)


def test_the_last_of_several_scales_is_their_maximum() -> None:
    network = MultiScale(build_deeplab(settings("aspp", "resnet18"), "none"), (1.0, 0.5)).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 3, 5, 8, 8)
    torch.testing.assert_close(logits[:, 2], torch.maximum(logits[:, 0], logits[:, 1]))


def test_one_scale_is_the_network_itself() -> None:
    network = build_deeplab(settings("aspp", "resnet18"), "none").eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(MultiScale(network, (1.0,))(images)[:, 0], network(images))


def test_scales_are_merged_by_the_highest_logit_or_the_mean_probability() -> None:
    # One pixel, two labels: one scale is sure of the first, the other leans to the second.
    logits = torch.tensor([[4.0, 0.0], [0.0, 1.0]]).reshape(2, 1, 2, 1, 1)
    highest = probability_of_scales(logits, merge="max").flatten()
    torch.testing.assert_close(highest, torch.tensor([4.0, 1.0]).softmax(0))
    mean = probability_of_scales(logits, merge="mean").flatten()
    expected = (torch.tensor([4.0, 0.0]).softmax(0) + torch.tensor([0.0, 1.0]).softmax(0)) / 2
    torch.testing.assert_close(mean, expected)
