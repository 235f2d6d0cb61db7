"""The five networks of the course, one paper per file.

- `lenet5.py`     LeCun, Bottou, Bengio and Haffner (1998), *Gradient-Based Learning Applied to
  Document Recognition*
- `alexnet.py`    Krizhevsky, Sutskever and Hinton (2012), *ImageNet Classification with Deep
  Convolutional Neural Networks*
- `vgg.py`        Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale
  Image Recognition*
- `googlenet.py`  Szegedy et al. (2014), *Going Deeper with Convolutions*
- `resnet.py`     He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*
- `layers.py`     the little that the five share: drawing weights, and images that do not fit
"""

from course_utils.models.alexnet import AlexNet
from course_utils.models.googlenet import GoogLeNet
from course_utils.models.lenet5 import LeNet5
from course_utils.models.resnet import CifarResNet, ResNet
from course_utils.models.vgg import VGG

__all__ = ["AlexNet", "CifarResNet", "GoogLeNet", "LeNet5", "ResNet", "VGG"]
